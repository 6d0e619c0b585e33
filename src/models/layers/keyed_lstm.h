// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "models/initialize.h"
#include "models/unit_split.h"

namespace precinct::models {

/// Layers of an LSTM (Hochreiter and Schmidhuber 1997, with forget gates) that are run one at a
/// time, so that dropout between them can be keyed:
///
///   i, f, o = sigmoid, g = tanh of W_ih x + b_ih + W_hh h + b_hh (rows in torch's order i, f, g,
///   o) c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)
///
/// Parameters have the names, shapes and start of one torch::nn::LSTM(in, hidden, num_layers):
/// weight_ih_l0 [4D, in], weight_hh_l0 [4D, D], bias_ih_l0, bias_hh_l0 [4D], weight_ih_l1 ...
class KeyedLstmImpl : public torch::nn::Module, public StatesInitial {
 public:
  KeyedLstmImpl(std::int64_t in, std::int64_t hidden, std::int64_t num_layers);
  /// One layer from a zero state. x: [T, R, in]; returns [T, R, D].
  torch::Tensor layer(std::int64_t index, const torch::Tensor& x, const UnitSplit& split = {});
  /// Units in parts, inside each of the four gates.
  SplitPlan split_plan() const;
  using torch::nn::Module::to;
  /// As Module::to; on a GPU each layer's weights then lie in one block, as cuDNN wants them.
  void to(torch::Device device, bool non_blocking = false) override;
  InitialDistribution initial(const std::string& parameter) const override;
  /// Names of a layer's parameters, without the module's prefix.
  static std::vector<std::string> parameter_names(std::int64_t index);
  std::int64_t num_layers() const { return static_cast<std::int64_t>(layers_.size()); }

 private:
  torch::Tensor layer_in_parts(const std::vector<torch::Tensor>& weights, const torch::Tensor& x,
                               const UnitSplit& split);
  std::int64_t hidden_;
  std::vector<std::vector<torch::Tensor>> layers_;  // weight_ih, weight_hh, bias_ih, bias_hh
};
TORCH_MODULE(KeyedLstm);

}  // namespace precinct::models
