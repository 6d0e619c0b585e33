// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/safetensors.h"

namespace precinct::train {

/// Watches each step for non-finite loss or gradients without waiting for the device: the flag goes
/// to the optimiser, which then skips the update; counters stay on the device and are read every
/// log.every steps.
class StepGuard {
 public:
  static constexpr std::int64_t kLimit = 3;  // bad steps in a row that end patience

  explicit StepGuard(torch::Device device);
  /// f32 scalar: 1 when loss or gradient norm is not finite. Counts the step.
  torch::Tensor check(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                      std::int64_t step);

  struct Report {
    std::int64_t skipped = 0;         // all steps skipped so far
    std::int64_t longest_run = 0;     // most skipped in a row
    std::int64_t last_bad_step = -1;  // of the longest run
    bool exhausted() const { return longest_run >= kLimit; }
  };
  /// Waits for the device.
  Report read() const;
  void reset();
  /// The counters, for the checkpoint: skipped, current run, longest run, last bad step. Waits for
  /// the device.
  std::array<double, 4> state() const;
  void load(const std::array<double, 4>& state);

 private:
  torch::Tensor counters_;  // [4] f64: skipped, current run, longest run, last bad step
};

/// Names of the tensors that hold non-finite values, e.g. "parameter dnn.0.weight", "gradient
/// head.bias".
std::vector<std::string> non_finite_tensors(const models::NamedTensors& parameters);

}  // namespace precinct::train
