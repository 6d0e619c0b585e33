// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/keyed_lstm.h"

#include <fmt/format.h>

#include <cmath>

namespace precinct::models {

KeyedLstmImpl::KeyedLstmImpl(std::int64_t in, std::int64_t hidden, std::int64_t num_layers)
    : hidden_(hidden) {
  for (std::int64_t index = 0; index < num_layers; ++index) {
    const auto names = parameter_names(index);
    const std::int64_t width = index == 0 ? in : hidden;
    layers_.push_back({register_parameter(names[0], torch::zeros({4 * hidden, width})),
                       register_parameter(names[1], torch::zeros({4 * hidden, hidden})),
                       register_parameter(names[2], torch::zeros({4 * hidden})),
                       register_parameter(names[3], torch::zeros({4 * hidden}))});
  }
}

SplitPlan KeyedLstmImpl::split_plan() const {
  SplitPlan plan;
  for (std::int64_t index = 0; index < num_layers(); ++index)
    for (const std::string& name : parameter_names(index)) plan[name] = {.dim = 0, .blocks = 4};
  return plan;
}

/// Bin by bin: each part has its units of every gate and needs all of h.
torch::Tensor KeyedLstmImpl::layer_in_parts(const std::vector<torch::Tensor>& weights,
                                            const torch::Tensor& x, const UnitSplit& split) {
  const auto inputs = at::linear(split.enter(x), weights[0], weights[2] + weights[3]).unbind(0);
  torch::Tensor c, h;  // of this part, [R, D / parts]
  std::vector<torch::Tensor> states;
  for (const torch::Tensor& input : inputs) {
    const torch::Tensor sums =
        h.defined() ? input + at::linear(split.gather_to_enter(h), weights[1]) : input;
    const auto gates = sums.chunk(4, -1);  // i, f, g, o
    const torch::Tensor fresh = torch::sigmoid(gates[0]) * torch::tanh(gates[2]);
    c = c.defined() ? torch::sigmoid(gates[1]) * c + fresh : fresh;
    h = torch::sigmoid(gates[3]) * torch::tanh(c);
    states.push_back(h);
  }
  return split.gather(torch::stack(states));
}

torch::Tensor KeyedLstmImpl::layer(std::int64_t index, const torch::Tensor& x,
                                   const UnitSplit& split) {
  if (split.count() > 1) return layer_in_parts(layers_[static_cast<std::size_t>(index)], x, split);
  const torch::Tensor zero = torch::zeros({1, x.size(1), hidden_}, x.options());
  return std::get<0>(
      at::lstm(x, {zero, zero}, layers_[static_cast<std::size_t>(index)], /*has_biases=*/true,
               /*num_layers=*/1, /*dropout=*/0.0, is_training(), /*bidirectional=*/false,
               /*batch_first=*/false));
}

void KeyedLstmImpl::to(torch::Device device, bool non_blocking) {
  torch::nn::Module::to(device, non_blocking);
  constexpr std::int64_t kLstmMode = 2;  // of cudnnRNNMode_t
  for (auto& weights : layers_) {
    if (!at::_use_cudnn_rnn_flatten_weight() || !at::cudnn_is_acceptable(weights[0])) return;
    const torch::NoGradGuard no_grad;
    at::_cudnn_rnn_flatten_weight(weights, static_cast<std::int64_t>(weights.size()),
                                  weights[0].size(1), kLstmMode, hidden_, /*proj_size=*/0,
                                  /*num_layers=*/1, /*batch_first=*/false,
                                  /*bidirectional=*/false);
  }
}

InitialDistribution KeyedLstmImpl::initial(const std::string&) const {
  return InitialDistribution::uniform(1 / std::sqrt(static_cast<double>(hidden_)));
}

std::vector<std::string> KeyedLstmImpl::parameter_names(std::int64_t index) {
  return {fmt::format("weight_ih_l{}", index), fmt::format("weight_hh_l{}", index),
          fmt::format("bias_ih_l{}", index), fmt::format("bias_hh_l{}", index)};
}

}  // namespace precinct::models
