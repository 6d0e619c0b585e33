// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/weight_average.h"

namespace precinct::train {

WeightAverage::WeightAverage(const models::NamedTensors& parameters, double decay)
    : parameters_(parameters), decay_(decay) {
  if (decay_ <= 0) return;
  for (const auto& [name, parameter] : parameters_) average_.push_back(parameter.detach().clone());
}

void WeightAverage::update(const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor share = average_.empty() ? torch::Tensor() : (1 - decay_) * (1 - found_inf);
  for (std::size_t i = 0; i < average_.size(); ++i) {
    const torch::Tensor difference = parameters_[i].second - average_[i];
    average_[i].add_(torch::where(share > 0, difference * share, torch::zeros_like(difference)));
  }
}

models::NamedTensors WeightAverage::state() const {
  models::NamedTensors state;
  for (std::size_t i = 0; i < average_.size(); ++i)
    state.emplace_back("ema." + parameters_[i].first, average_[i]);
  return state;
}

void WeightAverage::swap() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < average_.size(); ++i) {
    torch::Tensor weight = parameters_[i].second;
    const torch::Tensor kept = weight.clone();
    weight.copy_(average_[i]);
    average_[i].copy_(kept);
  }
}

}  // namespace precinct::train
