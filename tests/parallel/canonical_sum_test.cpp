// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/canonical_sum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"
#include "parallel/local_communicator.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using test::run_ranks;

/// Weights of two types, one of them unused, and the loss of one part.
struct Net {
  torch::Tensor a, b, unused;
  Net()
      : a(torch::linspace(-1, 1, 7).requires_grad_()),
        b(torch::linspace(0, 3, 5, torch::kFloat64).requires_grad_()),
        unused(torch::ones({3}).requires_grad_()) {}
  NamedTensors parameters() const { return {{"a", a}, {"b", b}, {"unused", unused}}; }
  torch::Tensor loss(std::int64_t part) const {
    const double x = std::sin(1.0 + static_cast<double>(part)) * std::pow(10.0, part % 5);
    return (a * x).exp().sum() * 1e-3 + (b * x).sum().to(torch::kFloat32);
  }
};

/// The simple form: one process, part by part, from zero.
std::vector<torch::Tensor> reference(double* loss) {
  const Net net;
  auto sums = std::vector<torch::Tensor>{torch::zeros_like(net.a), torch::zeros_like(net.b)};
  *loss = 0;
  for (std::int64_t part = 0; part < CanonicalSum::kShards; ++part) {
    const auto value = net.loss(part);
    value.backward();
    *loss += value.item<double>();
    sums[0] = sums[0] + net.a.grad();
    sums[1] = sums[1] + net.b.grad();
    net.a.mutable_grad().reset();
    net.b.mutable_grad().reset();
  }
  return sums;
}

class CanonicalSumWorlds : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, CanonicalSumWorlds, testing::Values(1, 2, 3, 4));

TEST_P(CanonicalSumWorlds, HasTheBitsOfAddingPartAfterPart) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& all = world.communicator();
    double loss = 0;
    const auto expected = reference(&loss);
    const Net net;
    CanonicalSum sum(net.parameters(), all, /*bucket_bytes=*/16);
    for (int step = 0; step < 2; ++step) {
      for (std::int64_t part = all.rank() * CanonicalSum::kShards / all.size();
           part < (all.rank() + 1) * CanonicalSum::kShards / all.size(); ++part) {
        const auto value = net.loss(part);
        sum.begin(value);
        value.backward();
      }
      EXPECT_EQ(sum.finish().item<double>(), loss);
      EXPECT_TRUE(torch::equal(net.a.grad(), expected[0]));
      EXPECT_TRUE(torch::equal(net.b.grad(), expected[1]));
      EXPECT_FALSE(net.unused.grad().defined());
      net.a.mutable_grad().reset();
      net.b.mutable_grad().reset();
    }
  });
}

TEST(CanonicalSum, MorePartsThanARankHasAreRefused) {
  LocalCommunicator alone("alone");
  const Net net;
  CanonicalSum sum(net.parameters(), alone);
  for (std::int64_t part = 0; part < CanonicalSum::kShards; ++part) sum.begin(net.loss(part));
  const auto text = test::error_of<ShapeError>([&] { sum.begin(net.loss(0)); });
  EXPECT_THAT(text, testing::HasSubstr("at most 12 parts"));
}

}  // namespace
}  // namespace precinct::parallel
