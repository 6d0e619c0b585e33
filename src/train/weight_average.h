// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/safetensors.h"

namespace precinct::train {

/// Exponential moving average of the weights: a <- decay a + (1 - decay) w after each update; decay
/// 0 is off.
class WeightAverage {
 public:
  WeightAverage(const models::NamedTensors& parameters, double decay);
  /// After an update; a skipped step (found_inf 1) leaves the average as it is.
  void update(const torch::Tensor& found_inf);
  /// ema.<name>; empty when off.
  models::NamedTensors state() const;
  /// Exchanges weights and average in place; twice restores them. Nothing when off.
  void swap();

 private:
  models::NamedTensors parameters_;
  std::vector<torch::Tensor> average_;
  double decay_;
};

/// The average instead of the weights, while it lives.
class AveragedWeights {
 public:
  explicit AveragedWeights(WeightAverage& average) : average_(average) { average_.swap(); }
  ~AveragedWeights() { average_.swap(); }
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  WeightAverage& average_;
};

}  // namespace precinct::train
