// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/tensor_parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"
#include "parallel/local_communicator.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using test::run_ranks;

class TensorParallelWorlds : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, TensorParallelWorlds, testing::Values(1, 2, 3, 4));

/// Column split, a function of single units, row split: output and gradients are those of one
/// process, with one all-reduce in each direction.
TEST_P(TensorParallelWorlds, AColumnSplitAndARowSplitLinearAreTheWholeOnes) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& tp = world.communicator();
    torch::manual_seed(3);
    torch::nn::Linear up(5, 12), down(12, 4);
    up->to(torch::kFloat64);
    down->to(torch::kFloat64);
    const auto options = torch::TensorOptions().dtype(torch::kFloat64);
    const torch::Tensor x = torch::randn({3, 5}, options);
    const torch::Tensor input = x.clone().requires_grad_(), part_input = x.clone().requires_grad_();
    ShardedLinear part_up(up, tp, Split::kColumn), part_down(down, tp, Split::kRow);
    const torch::Tensor whole = down(torch::relu(up(input)));
    const std::uint64_t before = tp.traffic().of(Operation::kAllReduce);
    const torch::Tensor found = part_down(torch::relu(part_up(part_input)));
    whole.square().sum().backward();
    found.square().sum().backward();
    EXPECT_EQ(tp.traffic().of(Operation::kAllReduce) - before, tp.size() == 1 ? 0U : 2U);
    EXPECT_LE((whole - found).abs().max().item<double>(), 1e-14);
    EXPECT_LE((input.grad() - part_input.grad()).abs().max().item<double>(), 1e-12);
    const auto same = [&](const torch::Tensor& gradient, const Shard& shard,
                          const torch::Tensor& expected) {
      EXPECT_LE((whole_of(gradient, shard, tp) - expected).abs().max().item<double>(), 1e-12);
    };
    same(part_up->weight.grad(), {.dim = 0}, up->weight.grad());
    same(part_up->bias.grad(), {.dim = 0}, up->bias.grad());
    same(part_down->weight.grad(), {.dim = 1}, down->weight.grad());
    EXPECT_LE((part_down->bias.grad() - down->bias.grad()).abs().max().item<double>(), 1e-12);
  });
}

TEST_P(TensorParallelWorlds, GatheredUnitsGiveEachRankItsPartOfTheGradient) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& tp = world.communicator();
    const int n = tp.size();
    const auto mine = [&] {
      return (torch::arange(6, torch::kFloat64).view({3, 2}) + 10 * tp.rank()).requires_grad_();
    };
    const torch::Tensor weight = torch::arange(2 * n, torch::kFloat64) + 1;
    const torch::Tensor a = mine(), b = mine();
    const torch::Tensor all = gather_units(a, tp);
    ASSERT_EQ(all.sizes(), at::IntArrayRef({3, 2 * n}));
    for (int r = 0; r < n; ++r) EXPECT_EQ(all[1][2 * r].item<double>(), 2 + 10 * r);
    (all * weight).sum().backward();  // the same use on all ranks counts once
    const torch::Tensor expected = weight.narrow(0, 2 * tp.rank(), 2).expand({3, 2});
    EXPECT_TRUE(torch::equal(a.grad(), expected));
    (gather_units_to_split(b, tp) * weight * (tp.rank() + 1)).sum().backward();  // split uses add
    EXPECT_TRUE(torch::equal(b.grad(), expected * (n * (n + 1) / 2)));
  });
}

TEST(TensorParallel, ShardsOfBlocksComeTogetherAgain) {
  const torch::Tensor gates = torch::arange(48).view({24, 2});  // four gates of six units
  const torch::Tensor part = shard_of(gates, {.dim = 0, .blocks = 4}, 1, 3);
  ASSERT_EQ(part.sizes(), at::IntArrayRef({8, 2}));
  for (int gate = 0; gate < 4; ++gate)
    EXPECT_TRUE(torch::equal(part.slice(0, 2 * gate, 2 * gate + 2),
                             gates.slice(0, 6 * gate + 2, 6 * gate + 4)));
  run_ranks(3, [&](World& world) {
    const Shard by_gate{.dim = 0, .blocks = 4};
    EXPECT_TRUE(torch::equal(
        whole_of(shard_of(gates, by_gate, world.rank(), 3), by_gate, world.communicator()), gates));
  });
}

TEST(TensorParallel, UnitsThatCannotBeSharedOutAreRefused) {
  const auto text = test::error_of<ShapeError>([] {
    shard_of(torch::zeros({10, 3}), {.dim = 0, .blocks = 4}, 0, 2);
  });
  EXPECT_THAT(text, testing::HasSubstr("multiple of 4 blocks x 2 ranks"));
}

}  // namespace
}  // namespace precinct::parallel
