// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/network_steps.h"
#include "train/parallelize.h"

namespace precinct::test {

/// A network on one rank of a run, step by step.
class SharedSteps {
 public:
  /// Keeps a reference to the panel.
  SharedSteps(const config::ExperimentConfig& config, const data::Panel& panel, train::Ranks& ranks)
      : data_(config, panel, {{0, 72}, {72, 96}}, data::choose_gamma_poisson(panel, {72, 96}),
              ranks.device()),
        learner_(config, data_.context(), 10, 200, ranks) {
    options_ = train::batches_of(config, ranks);
    options_.prefetch = 0;
  }
  /// The loss of the whole global batch.
  double step() {
    auto batches =
        data::BatchPrefetcher(data_.series(), data_.sampler(), consumed_, options_).next();
    empty_steps_ += batches.micro_batches.empty();
    if (torch::get_default_dtype_as_scalartype() == torch::kFloat64)
      for (auto& batch : batches.micro_batches) to_double(batch);
    learner_.train_step(batches, step_++);
    consumed_ = batches.consumed_after;
    return learner_.take_losses().loss;
  }
  /// Whole tensors; all ranks call it.
  models::NamedTensors weights() { return learner_.tensors().model; }
  train::Learner& learner() { return learner_; }
  int empty_steps() const { return empty_steps_; }
  std::int64_t num_windows() const { return data_.sampler().num_windows(); }  ///< of an epoch

 private:
  static void to_double(data::Batch& batch) {
    for (torch::Tensor* one : {&batch.counts, &batch.observed, &batch.calendar, &batch.x_origin,
                               &batch.log_anchor, &batch.target, &batch.target_observed})
      if (one->defined() && one->is_floating_point()) *one = one->to(torch::kFloat64);
  }

  train::PhaseData data_;
  train::Learner learner_;
  data::BatchPrefetcher::Options options_;
  std::int64_t consumed_ = 0, step_ = 0;
  int empty_steps_ = 0;
};

/// The larger one; a NaN, which std::max would pass over, is larger than everything.
inline double worse(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::infinity() : std::max(a, b);
}

/// max|a - b| / max|b| of the tensor where it is largest.
inline double relative_difference(const models::NamedTensors& a, const models::NamedTensors& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double size = b[i].second.abs().max().item<double>();
    const double off = (a[i].second - b[i].second).abs().max().item<double>();
    worst = worse(worst, off == 0 ? 0 : off / std::max(size, 1e-30));
  }
  return worst;
}

}  // namespace precinct::test
