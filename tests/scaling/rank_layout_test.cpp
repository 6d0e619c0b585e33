// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/rank_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace precinct::scaling {
namespace {

TEST(RankLayout, NamesItsAxesInAnyOrder) {
  const auto one = RankLayout::parse("tp4", 4);
  EXPECT_EQ(one.dp, 1);
  EXPECT_EQ(one.tp, 4);
  const auto three = RankLayout::parse("pp2xdp3xtp2", 12);
  EXPECT_EQ(three.dp, 3);
  EXPECT_EQ(three.pp, 2);
  EXPECT_EQ(three.tp, 2);
}

TEST(RankLayout, RefusesWhatIsNoneAndWhatDoesNotFitTheRanks) {
  for (const char* text : {"", "x", "dp", "dp1", "dp0", "dp-2", "dp2x", "xdp2", "dp2xdp2", "gp2",
                           "dp2 ", "dp2.5", "dp2tp2", "serial", "dp99999999999999999999"}) {
    try {
      RankLayout::parse(text, 2);
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(),
                  testing::MatchesRegex("--layouts: expected [^\n]*, found '[^\n]*'; [^\n]*"));
    }
  }
  EXPECT_THROW(RankLayout::parse("dp2", 4), ConfigError);
  EXPECT_THROW(RankLayout::parse("dp2xtp2", 2), ConfigError);
}

}  // namespace
}  // namespace precinct::scaling
