// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/tensor_parallel.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include "base/error.h"

namespace precinct::parallel {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void keep(AutogradContext* context, Communicator* group) {
  context->saved_data["group"] = reinterpret_cast<std::int64_t>(group);
}

Communicator& group_of(AutogradContext* context) {
  return *reinterpret_cast<Communicator*>(  // NOLINT(performance-no-int-to-ptr)
      context->saved_data["group"].toInt());
}

at::Tensor added(const at::Tensor& x, Communicator& group) {
  at::Tensor sum = x.clone(at::MemoryFormat::Contiguous);
  group.all_reduce(sum).wait();
  return sum;
}

/// [..., n] -> [..., ranks n]
at::Tensor side_by_side(const at::Tensor& x, Communicator& group) {
  auto shape = x.sizes().vec();
  shape.insert(shape.begin(), group.size());
  at::Tensor all = at::empty(shape, x.options());
  group.all_gather(all.flatten(0, 1), x.contiguous()).wait();
  return at::cat(all.unbind(0), -1);
}

at::Tensor own_units(const at::Tensor& x, Communicator& group) {
  const std::int64_t n = x.size(-1) / group.size();
  return x.narrow(-1, group.rank() * n, n).contiguous();
}

struct EnterSplit : torch::autograd::Function<EnterSplit> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, Communicator* group) {
    keep(context, group);
    return x.view_as(x);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {added(gradients[0], group_of(context)), at::Tensor()};
  }
};

struct SumOfSplit : torch::autograd::Function<SumOfSplit> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& x, Communicator* group) {
    return added(x, *group);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], at::Tensor()};
  }
};

struct GatherUnits : torch::autograd::Function<GatherUnits> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, Communicator* group) {
    keep(context, group);
    return side_by_side(x, *group);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {own_units(gradients[0], group_of(context)), at::Tensor()};
  }
};

struct GatherUnitsToSplit : torch::autograd::Function<GatherUnitsToSplit> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, Communicator* group) {
    keep(context, group);
    return side_by_side(x, *group);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    Communicator& group = group_of(context);
    // ranks first, so that each rank's part is one block of rows
    const at::Tensor parts = at::stack(gradients[0].chunk(group.size(), -1));
    at::Tensor mine = at::empty_like(parts[0], at::MemoryFormat::Contiguous);
    group.reduce_scatter(mine, parts.flatten(0, 1)).wait();
    return {mine, at::Tensor()};
  }
};

}  // namespace

at::Tensor enter_split(const at::Tensor& x, Communicator& group) {
  return group.size() == 1 ? x : EnterSplit::apply(x, &group);
}
at::Tensor sum_of_split(const at::Tensor& x, Communicator& group) {
  return group.size() == 1 ? x : SumOfSplit::apply(x, &group);
}
at::Tensor gather_units(const at::Tensor& x, Communicator& group) {
  return group.size() == 1 ? x : GatherUnits::apply(x, &group);
}
at::Tensor gather_units_to_split(const at::Tensor& x, Communicator& group) {
  return group.size() == 1 ? x : GatherUnitsToSplit::apply(x, &group);
}

at::Tensor shard_of(const at::Tensor& whole, const Shard& shard, std::int64_t index,
                    std::int64_t count) {
  const std::int64_t size = shard.dim < whole.dim() ? whole.size(shard.dim) : 0;
  PRECINCT_CHECK(size > 0 && size % (shard.blocks * count) == 0, ShapeError,
                 "shard: expected dimension {} to be a multiple of {} blocks x {} ranks, found "
                 "[{}]; choose another number of units or ranks",
                 shard.dim, shard.blocks, count, fmt::join(whole.sizes(), ", "));
  const std::int64_t n = size / shard.blocks / count;
  std::vector<at::Tensor> pieces;
  for (std::int64_t block = 0; block < shard.blocks; ++block)
    pieces.push_back(whole.narrow(shard.dim, (block * count + index) * n, n));
  return at::cat(pieces, shard.dim).clone(at::MemoryFormat::Contiguous);
}

at::Tensor whole_of(const at::Tensor& part, const Shard& shard, Communicator& group) {
  if (group.size() == 1) return part;
  auto shape = part.sizes().vec();
  shape.insert(shape.begin(), group.size());
  at::Tensor all = at::empty(shape, part.options());
  group.all_gather(all.flatten(0, 1), part.contiguous()).wait();
  std::vector<at::Tensor> pieces;
  const std::int64_t n = part.size(shard.dim) / shard.blocks;
  for (std::int64_t block = 0; block < shard.blocks; ++block)
    for (std::int64_t r = 0; r < group.size(); ++r)
      pieces.push_back(all[r].narrow(shard.dim, block * n, n));
  return at::cat(pieces, shard.dim);
}

ShardedLinearImpl::ShardedLinearImpl(const torch::nn::Linear& whole, Communicator& group,
                                     Split split)
    : group_(group), split_(split) {
  const torch::NoGradGuard no_grad;
  const bool by_outputs = split == Split::kColumn;
  weight = register_parameter(
      "weight", shard_of(whole->weight, {.dim = by_outputs ? 0 : 1}, group.rank(), group.size()));
  if (!whole->bias.defined()) return;
  bias =
      register_parameter("bias", by_outputs ? shard_of(whole->bias, {}, group.rank(), group.size())
                                            : whole->bias.clone());
}

torch::Tensor ShardedLinearImpl::forward(const torch::Tensor& x) {
  if (split_ == Split::kColumn) return at::linear(enter_split(x, group_), weight, bias);
  const torch::Tensor y = sum_of_split(at::linear(x, weight), group_);
  return bias.defined() ? y + bias : y;
}

}  // namespace precinct::parallel
