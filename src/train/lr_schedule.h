// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "config/train_config.h"

namespace precinct::train {

/// Learning rate of a step: base rate x warm-up x schedule. Constant, cosine and step depend on the
/// step alone; plateau also on the evaluations it was told of, which is its state.
///
///   warm-up   (s + 1) / warmup_steps while s < warmup_steps
///   cosine    final + (1 - final) (1 + cos(pi (s - warmup) / (total - warmup))) / 2
///   step      step_factor ^ floor(epoch / step_epochs)
///   plateau   step_factor ^ (number of times that plateau_patience evaluations brought no better
///   score)
class LrSchedule {
 public:
  /// Throws ConfigError for an unknown name.
  LrSchedule(const config::ScheduleConfig& config, double base_lr, std::int64_t steps_per_epoch,
             std::int64_t total_steps);
  /// Rate of step `step` (0-based, of this phase).
  double lr(std::int64_t step) const;
  /// Tells plateau of an evaluation; smaller is better.
  void observe(double score);
  nlohmann::json state() const;
  void load(const nlohmann::json& state);

 private:
  double factor(std::int64_t step) const;
  config::ScheduleConfig config_;
  double base_lr_;
  std::int64_t steps_per_epoch_, total_steps_;
  double best_, plateau_factor_ = 1;
  std::int64_t without_improvement_ = 0;
};

}  // namespace precinct::train
