// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/panel_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/small_panel.h"

namespace precinct::report {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

data::Panel panel_of(const char* bin, CivilTime start) {
  data::Panel panel;
  panel.axis = BinAxis(BinSpec::parse(bin), start);
  return panel;
}

TEST(BinWords, EveryKindOfBin) {
  const std::int64_t monday = days_from_civil(2021, 8, 2);
  const auto hours = panel_of("hours:6", {monday, 0}), day = panel_of("day", {monday, 0}),
             week = panel_of("week", {monday, 0}),
             month = panel_of("month", {days_from_civil(2021, 8, 1), 0});
  EXPECT_EQ(bin_word(hours, 1), "6 hours");
  EXPECT_EQ(bin_word(hours, 4), "24 hours");
  EXPECT_EQ(bin_word(day, 1), "day");
  EXPECT_EQ(bin_word(day, 7), "7 days");
  EXPECT_EQ(bin_word(week, 2), "2 weeks");
  EXPECT_EQ(bin_word(month, 1), "month");
  EXPECT_EQ(bin_label(hours, 1), "Mon 2021-08-02 06:00");
  EXPECT_EQ(bin_label(day, 6), "Sun 2021-08-08");
  EXPECT_EQ(bin_label(week, 1), "week of 2021-08-09");
  EXPECT_EQ(bin_label(month, 5), "2022-01");
}

TEST(RangeLabel, FirstAndLastDay) {
  const auto day = panel_of("day", {days_from_civil(2021, 2, 26), 0});
  EXPECT_EQ(range_label(day, {0, 7}), "2021-02-26 to 2021-03-04");
  EXPECT_EQ(range_label(day, {2, 3}), "2021-02-28");
  const auto hours = panel_of("hours:6", {days_from_civil(2021, 2, 26), 0});
  EXPECT_EQ(range_label(hours, {0, 4}), "2021-02-26");
  EXPECT_EQ(range_label(hours, {0, 5}), "2021-02-26 to 2021-02-27");
}

TEST(Grouped, ThreeDigitsEach) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(PanelFacts, CountsEmptyCellsAndUnobservedOnes) {
  data::Panel panel = test::small_panel(2, 1, 2, 2);  // [2, 2, 2]
  panel.counts = data::CountArray::from_u32({1, 0, 2, 0, 0, 3, 0, 0});
  panel.categories[0].name = "Person";
  panel.categories[1].discovered_by_officer = true;
  panel.observed = {1, 1, 0, 1};
  const Facts facts = panel_facts(panel);
  EXPECT_THAT(facts, Contains(Pair("counted", "6: Person 3, Category 1 3")));
  EXPECT_THAT(facts, Contains(Pair("empty cells", HasSubstr("62.5 % of 8"))));
  EXPECT_THAT(facts, Contains(Pair("not observed", HasSubstr("1 of 4"))));
  EXPECT_THAT(facts, Contains(Pair("found by officers", HasSubstr("Category 1: these counts"))));
  EXPECT_THAT(facts, Contains(Pair("district graph", HasSubstr("1 pairs of neighbours"))));
}

}  // namespace
}  // namespace precinct::report
