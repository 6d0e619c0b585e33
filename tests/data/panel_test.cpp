// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/panel.h"

#include <gtest/gtest.h>

#include "tests/support/small_panel.h"

namespace precinct::data {
namespace {

TEST(CountArray, TakesTheNarrowestTypeThatHoldsTheLargestCount) {
  EXPECT_EQ(CountArray::from_u32({0, 255}).item_bytes(), 1);
  EXPECT_EQ(CountArray::from_u32({0, 256}).item_bytes(), 2);
  EXPECT_EQ(CountArray::from_u32({65'535, 1}).item_bytes(), 2);
  EXPECT_EQ(CountArray::from_u32({65'536}).item_bytes(), 4);
  EXPECT_EQ(CountArray::from_u32({}).item_bytes(), 1);
}

TEST(CountArray, KeepsEveryValueInEveryType) {
  for (const std::uint32_t largest : {255U, 65'535U, 4'294'967'295U}) {
    const std::vector<std::uint32_t> values = {0, 1, largest, 7};
    const auto counts = CountArray::from_u32(values);
    ASSERT_EQ(counts.size(), 4);
    const auto doubles = counts.to_double();
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(counts[static_cast<std::int64_t>(i)], values[i]) << largest;
      EXPECT_EQ(doubles[i], static_cast<double>(values[i])) << largest;
    }
  }
}

TEST(Panel, CountsAreRowMajorByBinNodeAndCategory) {
  Panel panel;
  panel.num_bins = 2;
  panel.num_nodes = 3;
  panel.num_categories = 4;
  std::vector<std::uint32_t> counts(24);
  for (std::uint32_t i = 0; i < 24; ++i) counts[i] = i;
  panel.counts = CountArray::from_u32(counts);
  EXPECT_EQ(panel.count(0, 0, 3), 3U);
  EXPECT_EQ(panel.count(0, 1, 0), 4U);
  EXPECT_EQ(panel.count(1, 0, 0), 12U);
  EXPECT_EQ(panel.count(1, 2, 3), 23U);
}

TEST(Panel, EverythingIsObservedUnlessMarked) {
  Panel panel = test::small_panel(4, 1, 3, 1);
  EXPECT_TRUE(panel.is_observed(3, 2));
  panel.observed.assign(12, 1);
  panel.observed[3 * 1 + 2] = 0;  // bin 1, node 2
  EXPECT_FALSE(panel.is_observed(1, 2));
  EXPECT_TRUE(panel.is_observed(2, 1));
  EXPECT_FALSE(panel.has_geometry());
}

}  // namespace
}  // namespace precinct::data
