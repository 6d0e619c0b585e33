// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/modules/linear.h>

#include <cstdint>

#include "parallel/communicator.h"

namespace precinct::parallel {

/// Pieces of tensor parallelism: a layer's units are shared out over the ranks of a group, all of
/// which run the same model on the same data and make these calls in the same order, forward and
/// backward. Each returns a tensor that autograd can differentiate through. In a group of one they
/// return x. `group` must outlive the backward pass.

/// x; the gradient is added over the ranks. Before a map whose outputs are split.
at::Tensor enter_split(const at::Tensor& x, Communicator& group);
/// The sum of the ranks' x; the gradient goes to all of them. After a map whose inputs are split.
at::Tensor sum_of_split(const at::Tensor& x, Communicator& group);
/// The ranks' x [..., n] side by side, [..., ranks n]; each rank gets its part of a gradient that
/// is the same on all of them.
at::Tensor gather_units(const at::Tensor& x, Communicator& group);
/// The same for a use that is split over the ranks: each gets its part of the sum of their
/// gradients.
at::Tensor gather_units_to_split(const at::Tensor& x, Communicator& group);

/// Which part of a tensor a rank holds: along `dim`, range r of n equal ranges of each of `blocks`
/// equal blocks.
struct Shard {
  std::int64_t dim = 0;
  std::int64_t blocks = 1;
};
/// Part `index` of `count`, a copy. Throws ShapeError when the dimension cannot be cut so.
at::Tensor shard_of(const at::Tensor& whole, const Shard& shard, std::int64_t index,
                    std::int64_t count);
/// The whole from the ranks' parts. All ranks call it.
at::Tensor whole_of(const at::Tensor& part, const Shard& shard, Communicator& group);

/// How a Linear is cut: kColumn by outputs (its input is whole, its output split), kRow by inputs
/// (the other way round).
enum class Split { kColumn, kRow };

/// A Linear of which this rank holds a part. A column-split one followed by a row-split one costs
/// one all-reduce forward and one backward; what stands between them works unit by unit.
class ShardedLinearImpl : public torch::nn::Module {
 public:
  /// Takes this rank's part of `whole` (equal on all ranks). Throws ShapeError when the units are
  /// no multiple of the group's size.
  ShardedLinearImpl(const torch::nn::Linear& whole, Communicator& group, Split split);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight, bias;

 private:
  Communicator& group_;
  Split split_;
};
TORCH_MODULE(ShardedLinear);

}  // namespace precinct::parallel
