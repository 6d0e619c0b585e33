// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/window_gather.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <iostream>
#include <random>

namespace precinct::kernels {
namespace {

struct GatherCase {
  at::Tensor counts, table, origins;
  std::int64_t lookback = 0;
};

/// A random series of the given type whose largest count is `largest`.
GatherCase random_case(std::mt19937_64& random, at::ScalarType type, std::int64_t largest) {
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const std::int64_t total = draw(2, 40), nodes = draw(1, 9), categories = draw(1, 6);
  GatherCase made;
  made.lookback = draw(1, total);
  at::Tensor counts = at::empty({total, nodes, categories}, at::kLong);
  auto* count = counts.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < counts.numel(); ++i) count[i] = draw(0, largest);
  count[0] = largest;
  made.counts = counts.to(type);
  made.table = at::empty({largest + 1, categories}, at::kFloat);
  auto* value = made.table.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < made.table.numel(); ++i)
    value[i] = std::normal_distribution<float>()(random);
  made.origins = at::empty({draw(0, 7)}, at::kLong);
  auto* origin = made.origins.mutable_data_ptr<std::int64_t>();
  for (std::int64_t b = 0; b < made.origins.numel(); ++b) origin[b] = draw(made.lookback, total);
  if (made.origins.numel() > 1) {  // both ends
    origin[0] = made.lookback;
    origin[1] = total;
  }
  return made;
}

/// What the comment of window_gather says, cell by cell.
at::Tensor by_index(const GatherCase& c) {
  const at::Tensor counts = c.counts.to(at::kLong);
  const std::int64_t nodes = counts.size(1), categories = counts.size(2);
  at::Tensor out = at::empty({c.origins.size(0), c.lookback, nodes, categories}, at::kFloat);
  const auto* count = counts.const_data_ptr<std::int64_t>();
  const auto* origin = c.origins.const_data_ptr<std::int64_t>();
  const auto* value = c.table.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<float>();
  for (std::int64_t b = 0; b < c.origins.size(0); ++b)
    for (std::int64_t i = 0; i < c.lookback; ++i)
      for (std::int64_t n = 0; n < nodes; ++n)
        for (std::int64_t k = 0; k < categories; ++k) {
          const std::int64_t bin = origin[b] - c.lookback + i;
          *to++ = value[count[(bin * nodes + n) * categories + k] * categories + k];
        }
  return out;
}

class EveryCountType : public testing::TestWithParam<std::pair<at::ScalarType, std::int64_t>> {};
INSTANTIATE_TEST_SUITE_P(WindowGather, EveryCountType,
                         testing::Values(std::pair{at::kByte, 255}, std::pair{at::kUInt16, 65535},
                                         std::pair{at::kInt, 70000}, std::pair{at::kInt, 9}),
                         [](const auto& info) {
                           return std::string(c10::toString(info.param.first)) + "_" +
                                  std::to_string(info.param.second);
                         });

TEST_P(EveryCountType, EqualsDirectIndexingBitForBit) {
  const auto [type, largest] = GetParam();
  const std::uint64_t seed = 20 + static_cast<std::uint64_t>(largest);
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int round = 0; round < (largest > 1000 ? 25 : 100); ++round) {
    SCOPED_TRACE(round);
    const GatherCase c = random_case(random, type, largest);
    const at::Tensor out = window_gather(c.counts, c.table, c.origins, c.lookback);
    ASSERT_TRUE(at::equal(out, by_index(c)));
    ASSERT_TRUE(at::equal(out, window_gather_reference(c.counts, c.table, c.origins, c.lookback)));
    const WindowSource source(c.counts, c.table);
    ASSERT_TRUE(at::equal(out, source.windows(c.origins, c.lookback)));
    ASSERT_EQ(source.extra_bytes(), type == at::kByte ? 0 : 4 * c.counts.numel());
    const at::Tensor outside = at::full({1}, c.counts.size(0) + 1, at::kLong);
    ASSERT_THROW(source.windows(outside, c.lookback), c10::Error);
  }
}

TEST(WindowGather, ThreadsChangeNothing) {
  std::mt19937_64 random(5);
  GatherCase c = random_case(random, at::kByte, 200);
  c.origins = at::randint(c.lookback, c.counts.size(0) + 1, {5000}, at::kLong);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = window_gather(c.counts, c.table, c.origins, c.lookback);
  at::set_num_threads(2);
  const at::Tensor two = window_gather(c.counts, c.table, c.origins, c.lookback);
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one, two));
  EXPECT_TRUE(at::equal(one, by_index(c)));
}

TEST(WindowGather, OriginsOutsideAndWrongTensorsAreRefused) {
  std::mt19937_64 random(6);
  GatherCase c = random_case(random, at::kByte, 9);
  const auto gather = [&](const at::Tensor& counts, const at::Tensor& table,
                          const at::Tensor& origins) {
    return window_gather(counts, table, origins, c.lookback);
  };
  const auto origin = [](std::int64_t e) { return at::full({1}, e, at::kLong); };
  EXPECT_THROW(gather(c.counts, c.table, origin(c.lookback - 1)), c10::Error);
  EXPECT_THROW(gather(c.counts, c.table, origin(c.counts.size(0) + 1)), c10::Error);
  EXPECT_THROW(gather(c.counts.to(at::kLong), c.table, c.origins), c10::Error);
  EXPECT_THROW(gather(c.counts.to(at::kFloat), c.table, c.origins), c10::Error);
  EXPECT_THROW(gather(c.counts.flatten(), c.table, c.origins), c10::Error);
  EXPECT_THROW(gather(c.counts, c.table.to(at::kDouble), c.origins), c10::Error);
  EXPECT_THROW(gather(c.counts, at::cat({c.table, c.table}, 1), c.origins), c10::Error);
  EXPECT_THROW(gather(c.counts, c.table, c.origins.to(at::kInt)), c10::Error);
  EXPECT_THROW(
      gather(at::cat({c.counts, c.counts}, 1).slice(1, 0, c.counts.size(1)), c.table, c.origins),
      c10::Error);
}

TEST(WindowGather, KnowsItsShapeWithoutData) {
  std::mt19937_64 random(7);
  const GatherCase c = random_case(random, at::kByte, 9);
  const at::Tensor out =
      window_gather(c.counts.to(at::kMeta), c.table.to(at::kMeta), c.origins.to(at::kMeta), 3);
  EXPECT_EQ(out.sizes(),
            (at::IntArrayRef{c.origins.size(0), 3, c.counts.size(1), c.counts.size(2)}));
}

}  // namespace
}  // namespace precinct::kernels
