// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace precinct::config {

struct OptimizerConfig {
  std::string name = "adamw";  // adamw|sgd
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-4;
  double momentum = 0.9;          // sgd
  double linear_lr_factor = 1.0;  // of the linear maps from inputs to the log mean, times lr
};

struct ScheduleConfig {
  std::string name = "constant";  // constant|cosine|step|plateau
  std::int64_t warmup_steps = 0;
  double final_factor = 0.01;     // cosine: lr at the end / lr
  std::int64_t step_epochs = 10;  // step: every so many epochs
  double step_factor = 0.1;       // step, plateau
  std::int64_t plateau_patience = 3;
};

struct EarlyStopConfig {
  std::string metric = "val/NLL";
  std::int64_t patience = 5;  // evaluations without improvement; 0 = never stop
  double min_delta = 0.0;
};

struct CheckpointConfig {
  std::string every = "1ep";  // duration: 3ep, 1000st, 10min
  std::int64_t keep_last = 3;
};

/// `train:`
struct TrainConfig {
  std::int64_t epochs = 20;
  std::int64_t steps = 0;               // > 0: stop after so many optimiser steps
  std::int64_t global_batch_size = 64;  // windows per optimiser step
  std::int64_t micro_batch_size = 0;    // windows per forward call; 0 = the global batch
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  double clip_norm = 1.0;          // 0 = off
  double ema_decay = 0.0;          // 0 = off
  std::string precision = "fp32";  // fp32|bf16 (autocast on GPU)
  bool tf32 = false;
  bool deterministic = false;
  std::string kernels = "reference";  // fused forms come later
  CheckpointConfig checkpoint;
  EarlyStopConfig early_stop;
  std::string evaluate_every = "1ep";
  std::string refit = "none";  // none|before_test|all
  std::string refit_epochs = "from_validation";
};

/// `log:`
struct LogConfig {
  bool tensorboard = true;
  bool jsonl = true;
  std::int64_t every = 20;  // steps between fetches of the loss
};

/// `evaluate:`
struct EvaluateConfig {
  std::string origins = "rolling";
  std::int64_t stride = 1;
  std::vector<std::string> baselines = {
      "last_value",         "seasonal_naive", "historical_mean", "moving_average_28",
      "share_level_season", "ewma",           "gamma_poisson"};
  std::string reference = "gamma_poisson";
  std::int64_t bootstrap_block = 0;  // bins; 0: 7 days, 4 weeks or 1 month
  std::int64_t bootstrap_replicates = 2000;
  std::uint64_t bootstrap_seed = 1;
  std::string choose_on = "validation";  // validation|blocks (four blocks, accuracy protocol)
};

}  // namespace precinct::config
