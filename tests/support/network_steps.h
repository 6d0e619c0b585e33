// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "data/loader/batch_prefetcher.h"
#include "models/artifact_forecaster.h"
#include "tests/support/small_run.h"
#include "train/learner.h"
#include "train/phase_data.h"

namespace precinct::test {

/// What some steps of training made.
struct NetworkSteps {
  std::vector<double> losses;                    // of each step
  std::map<std::string, torch::Tensor> weights;  // on the host
  std::vector<float> means;                      // of forecasts from the range after training
};

/// A part of the small city unseen by every second sensor on some days, so that masks are at work.
inline data::Panel small_panel_with_gaps() {
  data::Panel panel = small_panel(120);
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
  for (std::int64_t t = 30; t < 100; t += 3)
    panel.observed[static_cast<std::size_t>(t * panel.num_nodes + t % panel.num_nodes)] = 0;
  return panel;
}

/// The learner of a small configuration with everything it needs, on a device.
class SmallLearner {
 public:
  SmallLearner(const config::ExperimentConfig& config, const data::Panel& panel,
               torch::Device device)
      : config_(on(config, device)),
        one_(config_),
        data_(config, panel, {{0, 72}, {72, 96}}, data::choose_gamma_poisson(panel, {72, 96}),
              device),
        learner_(config_, data_.context(), 10, 30, one_.ranks) {}

  train::Learner& learner() { return learner_; }
  const train::PhaseData& data() const { return data_; }

  /// The batches of the step after `consumed` windows, in micro-batches of 3.
  data::StepBatches batches(std::int64_t consumed) const {
    data::BatchPrefetcher::Options options;
    options.micro_batch_size = 3;
    options.prefetch = 0;
    return data::BatchPrefetcher(data_.series(), data_.sampler(), consumed, options).next();
  }

  NetworkSteps run(int num_steps) {
    NetworkSteps steps;
    std::int64_t consumed = 0;
    for (int step = 0; step < num_steps; ++step) {
      const auto next = batches(consumed);
      learner_.train_step(next, step);
      consumed = next.consumed_after;
      steps.losses.push_back(learner_.take_losses().loss);
    }
    steps.weights = learner_.forecast_weights();
    const std::vector<std::int64_t> origins = {80, 90, 100};
    steps.means = models::predict_windows(learner_.model(), config_.head, data_.series(), origins,
                                          config_.data.horizon)
                      .mean;
    return steps;
  }

 private:
  static config::ExperimentConfig on(config::ExperimentConfig config, torch::Device device) {
    config.run.device = device.is_cuda() ? "cuda" : "cpu";
    return config;
  }
  config::ExperimentConfig config_;
  OneRank one_;
  train::PhaseData data_;
  train::Learner learner_;
};

/// A network with everything that runs differently on a GPU: dropout, masks, unequal edges.
inline config::ExperimentConfig config_of_steps(const std::string& model) {
  auto config = small_config(model);
  config.model.dropout = 0.2;
  return config;
}

struct Difference {
  double loss = 0, weight = 0, mean = 0;
};

/// Largest absolute differences of two runs.
inline Difference difference(const NetworkSteps& a, const NetworkSteps& b) {
  Difference worst;
  for (std::size_t i = 0; i < a.losses.size(); ++i)
    worst.loss = std::max(worst.loss, std::abs(a.losses[i] - b.losses.at(i)));
  for (const auto& [name, tensor] : a.weights)
    if (tensor.numel() > 0 && tensor.is_floating_point())
      worst.weight =
          std::max(worst.weight, (tensor - b.weights.at(name)).abs().max().item<double>());
  for (std::size_t i = 0; i < a.means.size(); ++i)
    worst.mean = std::max(worst.mean, std::abs(double{a.means[i]} - b.means.at(i)));
  return worst;
}

}  // namespace precinct::test
