// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>

#include "config/train_config.h"

namespace precinct::train {

/// Remembers the best evaluation and says when to stop: after `patience` evaluations in a row that
/// were not better than the best by more than min_delta. Smaller is better.
class EarlyStop {
 public:
  explicit EarlyStop(const config::EarlyStopConfig& config) : config_(config) {}
  /// Tells of the score after `epoch` epochs (may be a fraction) at `step`; true when it is the
  /// best so far.
  bool observe(double score, double epoch, std::int64_t step);
  bool should_stop() const {
    return config_.patience > 0 && without_improvement_ >= config_.patience;
  }
  bool has_best() const { return best_step_ >= 0; }
  double best() const { return best_; }
  double best_epoch() const { return best_epoch_; }
  std::int64_t best_step() const { return best_step_; }
  nlohmann::json state() const;
  void load(const nlohmann::json& state);

 private:
  config::EarlyStopConfig config_;
  double best_ = std::numeric_limits<double>::infinity();
  double best_epoch_ = 0;
  std::int64_t best_step_ = -1;
  std::int64_t without_improvement_ = 0;
};

}  // namespace precinct::train
