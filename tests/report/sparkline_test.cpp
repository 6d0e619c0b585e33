// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/sparkline.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace precinct::report {
namespace {

TEST(Sparkline, EightStepsUseEightBlocks) {
  const std::vector<double> values = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(sparkline(values), "▁▂▃▄▅▆▇█");
}

TEST(Sparkline, IsStretchedFromLowestToHighestOrFromZero) {
  const std::vector<double> values = {10, 20};
  EXPECT_EQ(sparkline(values), "▁█");
  EXPECT_EQ(sparkline(values, 60, /*from_zero=*/true), "▅█");
  EXPECT_EQ(sparkline(std::vector<double>{-3, 5}, 60, /*from_zero=*/true), "▁█");
}

TEST(Sparkline, ColumnsAreMeansOfWhatTheyStandFor) {
  const std::vector<double> values = {0, 0, 7, 7, 3, 4};
  EXPECT_EQ(sparkline(values, 3), "▁█▅");  // 0, 7, 3.5
}

TEST(Sparkline, UnevenColumnsCoverEveryValue) {
  std::vector<double> values(61, 0);
  values.back() = 1;
  EXPECT_TRUE(sparkline(values, 60).ends_with("█"));
  values.back() = 0;
  values.front() = 1;
  EXPECT_TRUE(sparkline(values, 60).starts_with("█"));
}

TEST(Sparkline, WhatIsNotFiniteIsBlank) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(sparkline(std::vector<double>{1, kNan, 2}), "▁ █");
  EXPECT_EQ(sparkline(std::vector<double>{kNan, 3}, 1), "▁");  // the mean of what is finite
  EXPECT_EQ(sparkline(std::vector<double>{kNan}), " ");
}

TEST(Sparkline, ConstantAndEmptyLinesAreFlat) {
  EXPECT_EQ(sparkline(std::vector<double>{4, 4, 4}), "▁▁▁");
  EXPECT_EQ(sparkline({}), "");
}

}  // namespace
}  // namespace precinct::report
