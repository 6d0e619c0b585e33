// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>

namespace precinct::models {

/// Which part of a parameter belongs to part i of n: along `dim`, range i of n equal ranges of each
/// of `blocks` equal blocks (the four gates of an LSTM are four blocks).
struct ParameterSplit {
  std::int64_t dim = 0;
  std::int64_t blocks = 1;
};
/// By parameter name; what is not listed is whole in every part.
using SplitPlan = std::map<std::string, ParameterSplit>;

/// A network whose hidden units are computed in several equal parts, seen from one of them. What is
/// not split is computed alike in all parts. The base class is a network in one part: every map is
/// the identity.
class UnitSplit {
 public:
  virtual ~UnitSplit() = default;
  virtual std::int64_t index() const { return 0; }
  virtual std::int64_t count() const { return 1; }
  /// Before a map whose outputs are split: x, whose gradient is the sum over the parts.
  virtual torch::Tensor enter(const torch::Tensor& x) const { return x; }
  /// After a map whose inputs are split: the sum over the parts.
  virtual torch::Tensor sum(const torch::Tensor& x) const { return x; }
  /// The parts one behind the other, [..., D / count] -> [..., D], for uses that are not split.
  virtual torch::Tensor gather(const torch::Tensor& x) const { return x; }
  /// The same for a map whose outputs are split: its gradient is summed over the parts.
  virtual torch::Tensor gather_to_enter(const torch::Tensor& x) const { return x; }
  /// Linear map whose inputs are split; the bias is added once.
  torch::Tensor linear_of_parts(torch::nn::LinearImpl& linear, const torch::Tensor& x) const {
    return count() == 1 ? linear.forward(x) : sum(at::linear(x, linear.weight)) + linear.bias;
  }
};

}  // namespace precinct::models
