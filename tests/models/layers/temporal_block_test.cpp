// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/temporal_block.h"

#include <gtest/gtest.h>

#include <iostream>
#include <numeric>
#include <random>

#include "base/error.h"
#include "tests/support/made_batch.h"

namespace precinct::models {
namespace {

using config::blocks_to_cover;
using config::receptive_field;

using Bins = std::vector<std::int64_t>;

Bins all_bins(std::int64_t size) {
  Bins bins(static_cast<std::size_t>(size));
  std::iota(bins.begin(), bins.end(), 0);
  return bins;
}

TemporalBlock made_block(const TemporalBlockOptions& options, std::uint64_t seed,
                         bool in_double = true) {
  TemporalBlock block(options);
  initialize_by_name(*block, seed);
  if (in_double) test::to_double(*block);
  return block;
}

/// x' and z of the header's formula at every bin, by sums of numbers. x: [T, R, D] float64.
std::pair<torch::Tensor, torch::Tensor> direct(const TemporalBlock& block,
                                               const TemporalBlockOptions& o,
                                               const torch::Tensor& x) {
  const auto all = block->named_parameters();
  const auto value = [&](const char* name) { return all[name].detach().to(torch::kDouble); };
  const std::int64_t bins = x.size(0), rows = x.size(1), d = o.width, k = o.kernel_size;
  const auto convolution = [&](const char* name, std::int64_t t, std::int64_t r, std::int64_t to) {
    const torch::Tensor weight = value((std::string(name) + ".weight").c_str());
    double sum = value((std::string(name) + ".bias").c_str())[to].item<double>();
    for (std::int64_t tap = 0; tap < k; ++tap) {
      const std::int64_t bin = t - (k - 1 - tap) * o.dilation;
      if (bin < 0) continue;
      for (std::int64_t from = 0; from < d; ++from)
        sum += weight[to][from][tap].item<double>() * x[bin][r][from].item<double>();
    }
    return sum;
  };
  torch::Tensor z = torch::empty({bins, rows, d}, torch::kDouble);
  for (std::int64_t t = 0; t < bins; ++t)
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < d; ++c)
        z[t][r][c] = std::tanh(convolution("filter", t, r, c)) /
                     (1 + std::exp(-convolution("gate", t, r, c)));
  torch::Tensor next;
  if (!o.is_last)
    next = x + torch::matmul(z, value("residual.weight").t()) + value("residual.bias");
  return {next, torch::matmul(z, value("skip.weight").t()) + value("skip.bias")};
}

TEST(TemporalBlock, EqualsTheDirectSum) {
  std::cout << "seed 51\n";
  std::mt19937_64 random(51);
  torch::manual_seed(51);
  for (int round = 0; round < 24; ++round) {
    SCOPED_TRACE(round);
    const std::int64_t bins = 1 + static_cast<std::int64_t>(random() % 7);
    const TemporalBlockOptions options{1 + static_cast<std::int64_t>(random() % 3),
                                       2 + static_cast<std::int64_t>(random() % 2),
                                       1 + static_cast<std::int64_t>(random() % 3), round % 4 == 0};
    auto block = made_block(options, random());
    const torch::Tensor x = torch::randn({bins, 2, options.width}, torch::kDouble);
    const auto [next, skip] = direct(block, options, x);
    const auto out = block->forward(x, all_bins(bins), all_bins(bins));
    EXPECT_LE((out.skip - skip[-1]).abs().max().item<double>(), 1e-12);
    EXPECT_EQ(out.x.defined(), !options.is_last);
    if (next.defined()) {
      EXPECT_LE((out.x - next).abs().max().item<double>(), 1e-12);
    }
    auto single = made_block(options, 1, false);
    const auto [next_1, skip_1] = direct(single, options, x);
    const auto out_1 = single->forward(x.to(torch::kFloat), all_bins(bins), all_bins(bins));
    EXPECT_LE((out_1.skip - skip_1[-1]).abs().max().item<double>(), 1e-5);
    if (next_1.defined()) {
      EXPECT_LE((out_1.x - next_1).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST(TemporalBlock, EqualsTorchsPaddedConvolution) {
  std::mt19937_64 random(52);
  torch::manual_seed(52);
  namespace F = torch::nn::functional;
  for (int round = 0; round < 100; ++round) {
    const std::int64_t bins = 1 + static_cast<std::int64_t>(random() % 20);
    const TemporalBlockOptions o{1 + static_cast<std::int64_t>(random() % 5),
                                 2 + static_cast<std::int64_t>(random() % 3),
                                 std::int64_t{1} << (random() % 4), false};
    auto block = made_block(o, random());
    const auto p = block->named_parameters();
    const torch::Tensor x = torch::randn({bins, 3, o.width}, torch::kDouble);
    const torch::Tensor padded =
        F::pad(x.permute({1, 2, 0}), F::PadFuncOptions({(o.kernel_size - 1) * o.dilation, 0}));
    const auto convolve = [&](const std::string& name) {
      return F::conv1d(padded, p[name + ".weight"],
                       F::Conv1dFuncOptions().bias(p[name + ".bias"]).dilation(o.dilation))
          .permute({2, 0, 1});
    };
    const torch::Tensor z = torch::tanh(convolve("filter")) * torch::sigmoid(convolve("gate"));
    const torch::Tensor next = x + F::linear(z, p["residual.weight"], p["residual.bias"]);
    const auto out = block->forward(x, all_bins(bins), all_bins(bins));
    EXPECT_LE((out.x - next).abs().max().item<double>(), 1e-12) << round;
  }
}

/// Blocks of dilation 1, 2, 4, ... on top of each other; the sum of skips of all of them.
struct Stack {
  std::vector<TemporalBlock> blocks;
  std::int64_t lookback = 0;

  torch::Tensor full(torch::Tensor x) const {
    torch::Tensor sum;
    for (auto block : blocks) {
      const auto out = block->forward(x, all_bins(lookback), all_bins(lookback));
      sum = sum.defined() ? sum + out.skip : out.skip;
      x = out.x;
    }
    return sum;
  }
  /// Only the bins that the blocks above look at.
  torch::Tensor pruned(torch::Tensor x) const {
    std::vector<Bins> wanted(blocks.size(), Bins{lookback - 1});
    for (std::size_t i = blocks.size() - 1; i > 0; --i)
      wanted[i - 1] = blocks[i]->needed(wanted[i]);
    torch::Tensor sum;
    Bins have = all_bins(lookback);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      auto block = blocks[i];
      const auto out = block->forward(x, have, wanted[i]);
      sum = sum.defined() ? sum + out.skip : out.skip;
      x = out.x;
      have = wanted[i];
    }
    return sum;
  }
};

Stack random_stack(std::mt19937_64& random) {
  Stack stack;
  stack.lookback = 1 + static_cast<std::int64_t>(random() % 30);
  const std::int64_t kernel = 2 + static_cast<std::int64_t>(random() % 2);
  const std::int64_t size = blocks_to_cover(stack.lookback, kernel);
  for (std::int64_t i = 0; i < size; ++i)
    stack.blocks.push_back(made_block({4, kernel, std::int64_t{1} << i, i + 1 == size}, random()));
  return stack;
}

TEST(TemporalBlock, PrunedStackEqualsTheFullOneInOutputAndGradient) {
  std::cout << "seed 53\n";
  std::mt19937_64 random(53);
  torch::manual_seed(53);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    const Stack stack = random_stack(random);
    const torch::Tensor x = torch::randn({stack.lookback, 3, 4}, torch::kDouble).requires_grad_();
    const torch::Tensor full = stack.full(x), pruned = stack.pruned(x);
    EXPECT_LE((full - pruned).abs().max().item<double>(), 1e-12);
    const torch::Tensor weight = torch::randn_like(full);
    std::vector<torch::Tensor> inputs{x};
    for (const auto& block : stack.blocks)
      for (const auto& p : block->parameters()) inputs.push_back(p);
    const auto a = torch::autograd::grad({(full * weight).sum()}, inputs);
    const auto b = torch::autograd::grad({(pruned * weight).sum()}, inputs);
    for (std::size_t i = 0; i < a.size(); ++i)
      EXPECT_LE((a[i] - b[i]).abs().max().item<double>(), 1e-12) << i;
    // covers the lookback: the oldest bin reaches the last output
    EXPECT_GT(a[0][0].abs().max().item<double>(), 0);
  }
}

TEST(TemporalBlock, LooksBackOnly) {
  auto block = made_block({3, 2, 2, false}, 54);
  const torch::Tensor x = torch::randn({9, 2, 3}, torch::kDouble);
  const torch::Tensor before = block->forward(x, all_bins(9), all_bins(9)).x;
  for (std::int64_t t = 0; t < 9; ++t) {
    torch::Tensor changed = x.clone();
    changed[t] += 1;
    const torch::Tensor after = block->forward(changed, all_bins(9), all_bins(9)).x;
    for (std::int64_t s = 0; s < 9; ++s)
      EXPECT_EQ(torch::equal(before[s], after[s]), s != t && s != t + 2) << t << " " << s;
  }
}

TEST(TemporalBlock, GradientsAgreeWithCentralDifferences) {
  torch::manual_seed(55);
  for (const bool is_last : {false, true}) {
    auto block = made_block({3, 3, 2, is_last}, 55);
    const torch::Tensor x = torch::randn({6, 2, 3}, torch::kDouble).requires_grad_();
    const torch::Tensor weight = torch::randn({6, 2, 3}, torch::kDouble);
    auto variables = block->parameters();
    variables.push_back(x);
    const auto loss = [&] {
      const auto out = block->forward(x, all_bins(6), {1, 3, 5});
      const torch::Tensor sum = (out.skip * weight[0]).sum();
      return is_last ? sum : sum + (out.x * weight.slice(0, 0, 3)).sum();
    };
    EXPECT_LE(test::gradient_error(variables, loss), 1e-6) << is_last;
  }
}

TEST(TemporalBlock, NamesTheBinThatIsMissing) {
  auto block = made_block({2, 2, 4, false}, 56);
  EXPECT_EQ(block->needed({9}), (Bins{5, 9}));
  EXPECT_EQ(block->needed({3, 9}), (Bins{3, 5, 9}));
  try {
    block->forward(torch::zeros({2, 1, 2}, torch::kDouble), {6, 9}, {9});
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("expected bin 5 among its input"), std::string::npos);
  }
}

TEST(ReceptiveField, CoversTheUsualLookbacksWithTheStatedBlocks) {
  EXPECT_EQ(receptive_field(4, 2), 16);
  EXPECT_EQ(receptive_field(3, 3), 15);
  EXPECT_EQ(blocks_to_cover(12, 2), 4);
  EXPECT_EQ(blocks_to_cover(24, 2), 5);
  EXPECT_EQ(blocks_to_cover(28, 2), 5);
  EXPECT_EQ(blocks_to_cover(168, 2), 8);
  EXPECT_EQ(blocks_to_cover(1, 2), 1);
  for (std::int64_t lookback = 1; lookback < 300; ++lookback) {
    const std::int64_t fewest = blocks_to_cover(lookback, 2);
    EXPECT_GE(receptive_field(fewest, 2), lookback);
    if (fewest > 1) {
      EXPECT_LT(receptive_field(fewest - 1, 2), lookback);
    }
  }
}

}  // namespace
}  // namespace precinct::models
