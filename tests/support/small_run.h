// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "config/experiment_config.h"
#include "tests/support/small_panel.h"
#include "train/run_logs.h"
#include "train/trainer.h"

namespace precinct::test {

/// A network small enough to train in a second.
inline config::ExperimentConfig small_config(const std::string& model = "dnn") {
  config::ExperimentConfig config;
  config.run.device = "cpu";
  config.data.lookback = 10;
  config.data.horizon = 3;
  config.data.split.fractions = {0.6, 0.2, 0.2};
  config.input.node_embedding = 4;
  config.input.weekday_embedding = 2;
  config.model.name = model;
  config.model.hidden = 8;
  if (model == "gat_tcn")
    config.model.num_heads = 2;
  else
    config.model.num_layers = 2;
  config.model.head_width = 8;
  config.train.epochs = 3;
  config.train.global_batch_size = 8;
  config.train.optimizer.lr = 3e-3;
  config.train.early_stop.patience = 0;
  config.train.checkpoint.every = "4st";
  config.train.refit = "before_test";
  config.log.every = 1;
  return config;
}

/// Calls a function after each step.
class AfterStep final : public train::Observer {
 public:
  explicit AfterStep(std::function<void(const train::TrainState&)> act) : act_(std::move(act)) {}
  void on_step(const train::RunView& view, std::int64_t, double) override { act_(view.state); }

 private:
  std::function<void(const train::TrainState&)> act_;
};

/// A world of one.
struct OneRank {
  std::unique_ptr<parallel::World> world = parallel::connect(parallel::ProcessContext());
  train::Ranks ranks;
  explicit OneRank(const config::ExperimentConfig& config) : ranks(*world, config) {}
};

/// One run of the trainer in a folder, with its logs.
inline train::TrainingResult run_once(const config::ExperimentConfig& config,
                                      const data::Panel& panel, const std::filesystem::path& folder,
                                      std::function<void(const train::TrainState&)> after_step = {},
                                      train::Trainer::Options options = {}) {
  const train::RunFolder run(folder);
  OneRank one(config);
  train::Trainer trainer(config, panel, "panel-hash", train::split_of(config.data, panel.num_bins),
                         run, one.ranks, options);
  for (auto& log : train::make_logs(config.log, run)) trainer.add_observer(std::move(log));
  if (after_step) trainer.add_observer(std::make_unique<AfterStep>(std::move(after_step)));
  return trainer.run();
}

/// True when both have the same tensors, bit for bit.
inline bool same_weights(const models::Artifact& a, const models::Artifact& b) {
  if (a.weights.size() != b.weights.size()) return false;
  for (const auto& [name, tensor] : a.weights)
    if (!b.weights.contains(name) || !torch::equal(tensor, b.weights.at(name))) return false;
  return true;
}

}  // namespace precinct::test
