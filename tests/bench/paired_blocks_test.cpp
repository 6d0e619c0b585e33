// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "bench/support/paired_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace precinct::bench {
namespace {

using testing::ElementsAre;

/// A clock that only the work moves, and probes of given values.
struct FakeMachine {
  double time = 0;
  std::vector<double> probes;  // handed out in order, the last one for ever
  std::size_t num_probes = 0;
  std::string order = "";

  Side side(char name, double seconds, double work) {
    return {std::string(1, name), [this, name, seconds, work] {
              order += name;
              time += seconds;
              return work;
            }};
  }
  BlockOptions options(int num_blocks) {
    BlockOptions o;
    o.num_blocks = num_blocks;
    o.now = [this] { return time; };
    o.probe = [this] { return probes[std::min(num_probes++, probes.size() - 1)]; };
    return o;
  }
};

TEST(SpreadOf, MedianAndQuartilesInterpolate) {
  const Spread odd = spread_of({5, 1, 3, 2, 4});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.lower, 2);
  EXPECT_EQ(odd.upper, 4);
  EXPECT_EQ(spread_of({1, 2, 3, 4}).median, 2.5);
  EXPECT_EQ(spread_of({1, 2, 3, 4}).lower, 1.75);
  EXPECT_EQ(spread_of({7}).upper, 7);
}

TEST(RunBlocks, SidesTakeTurnsAndBlocksLastAtLeastTheirTime) {
  FakeMachine machine{.probes = {1}};
  const auto result =
      run_blocks({machine.side('A', 2, 10), machine.side('B', 3, 30)}, machine.options(2));
  EXPECT_EQ(machine.order, "ABAABAAB") << "a warm-up of each, then blocks of at least 3 s";
  EXPECT_THAT(result.rates[0], ElementsAre(5, 5));
  EXPECT_THAT(result.rates[1], ElementsAre(10, 10));
  EXPECT_EQ(result.ratio(1, 0).median, 2);
  EXPECT_EQ(machine.num_probes, 3U) << "before the first block and after each";
  EXPECT_TRUE(result.is_steady);
  EXPECT_EQ(result.num_discarded, 0);
}

TEST(RunBlocks, RatiosAreTakenBlockByBlock) {
  BlockResult result;
  result.rates = {{2, 20, 6}, {1, 10, 1}};  // the machine was ten times as fast in block 2
  EXPECT_EQ(result.ratio(0, 1).median, 2);
  EXPECT_EQ(result.ratio(0, 1).upper, 4);
}

TEST(RunBlocks, RoundWithDriftingProbesIsDiscardedAndRepeated) {
  FakeMachine machine{.probes = {100, 100, 111, 100, 105, 109.9}};
  const auto result = run_blocks({machine.side('A', 3, 1)}, machine.options(2));
  EXPECT_EQ(result.num_discarded, 1);
  EXPECT_TRUE(result.is_steady);
  EXPECT_THAT(result.probes, ElementsAre(100, 105, 109.9));
  EXPECT_EQ(result.rates[0].size(), 2U) << "of the round that counts only";
}

TEST(RunBlocks, AtMostTwoRoundsAreRepeatedAndTheReportSaysSo) {
  FakeMachine machine{.probes = {1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}};
  const auto result = run_blocks({machine.side('A', 3, 1)}, machine.options(1));
  EXPECT_EQ(result.num_discarded, 2);
  EXPECT_FALSE(result.is_steady);
  EXPECT_EQ(machine.num_probes, 6U) << "three rounds of two probes";
}

}  // namespace
}  // namespace precinct::bench
