// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "train/train_state.h"

namespace precinct::train {

/// Figures by their names in the field: train/loss, val/NLL, lr, grad_norm.
using Figures = std::map<std::string, double>;

/// Where a run stands, as observers see it.
struct RunView {
  const TrainState& state;
  std::int64_t total_steps;      // of the phase
  std::int64_t steps_per_epoch;  // of the phase
  std::int64_t num_windows;      // per epoch of the phase
  double epoch() const {
    return static_cast<double>(state.phase_step) / static_cast<double>(steps_per_epoch);
  }
};

/// Looks on while a network trains; never changes what is learnt.
class Observer {
 public:
  virtual ~Observer() = default;
  /// A phase begins or goes on after a resume; the log is cut back to what `state` had seen.
  virtual void on_begin(const RunView&) {}
  /// After every step; nothing may wait for the device here.
  virtual void on_step(const RunView&, std::int64_t /*num_windows*/, double /*data_seconds*/) {}
  /// Every log.every steps: train/loss, lr, grad_norm, skipped_steps.
  virtual void on_losses(const RunView&, const Figures&) {}
  virtual void on_evaluation(const RunView&, const Figures&) {}
  /// A checkpoint of `state` is about to be written: what was logged goes to the disk first.
  virtual void before_checkpoint(TrainState& /*state*/) {}
  virtual void on_end(const RunView&) {}
};

}  // namespace precinct::train
