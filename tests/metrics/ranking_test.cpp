// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace precinct::metrics {
namespace {

using ::testing::ElementsAre;
using Values = std::vector<double>;

TEST(Ranking, CountOfDistrictsIsRoundedHalfUpAndAtLeastOne) {
  EXPECT_EQ(ranked_count(.01, 69), 1);   // .69 + .5
  EXPECT_EQ(ranked_count(.05, 69), 3);   // 3.45
  EXPECT_EQ(ranked_count(.10, 69), 7);   // 6.9
  EXPECT_EQ(ranked_count(.05, 168), 8);  // 8.4
  EXPECT_EQ(ranked_count(.05, 50), 3);   // 2.5 goes up
  EXPECT_EQ(ranked_count(.01, 10), 1);
  EXPECT_EQ(ranked_count(.10, 1), 1);
}

TEST(Ranking, TiesGoToTheLowestIndex) {
  EXPECT_THAT(largest(Values{1, 3, 2, 3, 3, 0}, 2), ElementsAre(1, 3));
  EXPECT_THAT(largest(Values{5, 5, 5, 5}, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(largest(Values{1, 2}, 5), ElementsAre(1, 0));
}

TEST(Ranking, PaiPeiAndHitRateByHand) {
  // 10 districts, 20 %: k = 2. Step 1 picks 3 and 0 (the tie of 0 and 7 goes to 0): 4 + 1 of 12
  // hits; the best two hold 4 + 3. Step 2 picks 9 and 8: 0 + 2 of 4; the best two hold 2 + 2.
  RankingSums sums;
  const Values area(10, 0.0);
  sums.add(Values{.5, .1, 0, .9, 0, 0, 0, .5, 0, 0}, Values{1, 0, 2, 4, 0, 3, 0, 2, 0, 0}, area,
           .2);
  sums.add(Values{0, 0, 0, 0, 0, 0, 0, 0, 1, 2}, Values{2, 0, 0, 0, 0, 0, 0, 0, 2, 0}, area, .2);
  EXPECT_DOUBLE_EQ(sums.hit_rate(), 7. / 16);
  EXPECT_DOUBLE_EQ(sums.pai(), 7. / 16 / .2);
  EXPECT_DOUBLE_EQ(sums.pei(), 7. / 11);
  EXPECT_FALSE(sums.has_area());
}

TEST(Ranking, ByAreaTheDensestComeFirstAndTheChosenAreaDivides) {
  // Areas 4 1 2 3 = 10 km2, half of them: densities 1, 3, 1.5, .1. Chosen: 1 (1 km2), 2 (3 km2 in
  // all); district 0 would make 7, district 3 would make 6: both are passed over. 5 of 9 hits on .3
  // of the area.
  RankingSums sums;
  sums.add(Values{4, 3, 3, .3}, Values{4, 3, 2, 0}, Values{4, 1, 2, 3}, .5);
  EXPECT_TRUE(sums.has_area());
  EXPECT_DOUBLE_EQ(sums.pai_km2(), (5. / 9) / .3);
  // At .3 of the area: 1 and 2 fill it to the border.
  RankingSums border;
  border.add(Values{4, 3, 3, .3}, Values{4, 3, 2, 0}, Values{4, 1, 2, 3}, .3);
  EXPECT_DOUBLE_EQ(border.pai_km2(), (5. / 9) / .3);
}

TEST(Ranking, APerfectOrderHasPeiOne) {
  constexpr std::uint64_t kSeed = 5;
  RankingSums perfect, constant;
  for (std::uint64_t t = 0; t < 50; ++t) {
    Values count, area(40, 1.0);
    for (std::uint64_t n = 0; n < 40; ++n)
      count.push_back(static_cast<double>(uniform_index(kSeed, t * 40 + n, 6)));
    perfect.add(count, count, area, .1);
    constant.add(Values(40, 1.0), count, area, .1);
  }
  EXPECT_DOUBLE_EQ(perfect.pei(), 1);
  EXPECT_GT(perfect.pai(), constant.pai());
  EXPECT_NEAR(constant.pai(), 1, .25);  // 4 of 40 districts, blindly
}

TEST(Ranking, TwoHalvesMergedAreTheWhole) {
  const Values mean = {1, 2, 3, 4}, area = {1, 1, 1, 1};
  RankingSums whole, first, second;
  for (const Values& count : {Values{1, 0, 0, 2}, Values{0, 5, 1, 1}, Values{0, 0, 0, 0}}) {
    whole.add(mean, count, area, .25);
    (count[0] > 0 ? first : second).add(mean, count, area, .25);
  }
  first.merge(second);
  EXPECT_DOUBLE_EQ(first.pai(), whole.pai());
  EXPECT_DOUBLE_EQ(first.pei(), whole.pei());
  EXPECT_DOUBLE_EQ(first.pai_km2(), whole.pai_km2());
  EXPECT_DOUBLE_EQ(first.total(), 10);
}

TEST(Ranking, FiguresAreMeansOverTheCategoriesWithIncidents) {
  const Values area = {1, 1, 1, 1};
  std::vector<RankingSums> categories(3);
  categories[0].add(Values{4, 3, 2, 1}, Values{2, 0, 0, 2}, area, .25);  // hit rate 1/2
  categories[1].add(Values{4, 3, 2, 1}, Values{3, 0, 0, 0}, area, .25);  // 1
  categories[2].add(Values{4, 3, 2, 1}, Values{0, 0, 0, 0}, area, .25);  // nothing to find
  const auto figures = ranking_figures(categories, .25);
  EXPECT_DOUBLE_EQ(figures.at("hit_rate@25%"), .75);
  EXPECT_DOUBLE_EQ(figures.at("PAI@25%"), 3);
  EXPECT_DOUBLE_EQ(figures.at("PEI@25%"), 1);
  EXPECT_DOUBLE_EQ(figures.at("PAI_km2@25%"), 3);
  EXPECT_TRUE(ranking_figures(std::span(categories).subspan(2), .25).empty());
}

}  // namespace
}  // namespace precinct::metrics
