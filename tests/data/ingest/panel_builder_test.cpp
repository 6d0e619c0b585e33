// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/panel_builder.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace precinct::data {
namespace {

Incident at(int year, int month, int day, int hour = 0, std::uint64_t district = 0,
            std::uint64_t category = 0) {
  Incident incident;
  incident.set_day(days_from_civil(year, month, day));
  incident.hour = static_cast<std::uint64_t>(hour) & 31;
  incident.district = district & 0xFFFFF;
  incident.category = category & 0x7F;
  return incident;
}

Panel empty_panel(const std::string& zone = "America/Los_Angeles") {
  Panel panel;
  panel.time_zone = zone;
  panel.nodes = {{"1", "1", "", 0, 0, 0}, {"2", "2", "", 0, 0, 0}};
  panel.categories = {{"A", "A", false}, {"B", "B", false}};
  return panel;
}

std::uint32_t total(const Panel& panel) {
  std::uint32_t sum = 0;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i) sum += panel.counts[i];
  return sum;
}

TEST(PanelBuilder, DaysRunFromTheFirstToTheLastAcceptedDayWithZerosBetween) {
  Panel panel = empty_panel();
  count_incidents({at(2020, 3, 3, 5, 1, 1), at(2020, 3, 1), at(2020, 3, 3, 7, 1, 1)},
                  BinSpec::parse("day"), {}, panel);
  EXPECT_EQ(panel.num_bins, 3);
  EXPECT_EQ(panel.count(0, 0, 0), 1U);
  EXPECT_EQ(panel.count(2, 1, 1), 2U);
  EXPECT_EQ(total(panel), 3U);
  EXPECT_TRUE(panel.observed.empty());
}

TEST(PanelBuilder, HoursDivideTheCivilDay) {
  Panel panel = empty_panel();
  count_incidents({at(2020, 5, 1, 0), at(2020, 5, 1, 5), at(2020, 5, 1, 6), at(2020, 5, 2, 23)},
                  BinSpec::parse("hours:6"), {}, panel);
  EXPECT_EQ(panel.num_bins, 8);
  EXPECT_EQ(panel.count(0, 0, 0), 2U);
  EXPECT_EQ(panel.count(1, 0, 0), 1U);
  EXPECT_EQ(panel.count(7, 0, 0), 1U);
}

TEST(PanelBuilder, WeeksAreSevenCivilDaysFromTheFirst) {
  Panel panel = empty_panel();
  const auto notes = count_incidents({at(2020, 5, 1), at(2020, 5, 7), at(2020, 5, 8)},
                                     BinSpec::parse("week"), {}, panel);
  EXPECT_EQ(panel.num_bins, 2);
  EXPECT_EQ(panel.count(0, 0, 0), 2U);
  EXPECT_EQ(notes.days_missing_at_end, 6);
}

TEST(PanelBuilder, MonthsAreCivilMonthsFromTheFirstOfTheMonth) {
  Panel panel = empty_panel();
  count_incidents({at(2020, 1, 31), at(2020, 2, 29), at(2020, 3, 1)}, BinSpec::parse("month"), {},
                  panel);
  EXPECT_EQ(panel.num_bins, 3);
  EXPECT_EQ(format_civil(panel.axis.start()), "2020-01-01T00:00:00");
  for (int b = 0; b < 3; ++b) EXPECT_EQ(panel.count(b, 0, 0), 1U);
}

TEST(PanelBuilder, CompleteThroughAddsEmptyDaysAndEndsOnACompleteBin) {
  Panel days = empty_panel();
  count_incidents({at(2020, 5, 1)}, BinSpec::parse("day"),
                  {std::nullopt, days_from_civil(2020, 5, 10)}, days);
  EXPECT_EQ(days.num_bins, 10);
  Panel months = empty_panel();
  const auto notes = count_incidents({at(2020, 1, 5), at(2020, 3, 1)}, BinSpec::parse("month"),
                                     {std::nullopt, days_from_civil(2020, 3, 15)}, months);
  EXPECT_EQ(months.num_bins, 2);
  EXPECT_EQ(notes.beyond_last_bin, 1U);
  EXPECT_EQ(notes.days_missing_at_end, 0);
}

TEST(PanelBuilder, SkippedHourOfSpringIsThereAndNotObserved) {
  Panel panel = empty_panel();
  const auto notes = count_incidents({at(2020, 3, 8, 1), at(2020, 3, 8, 2), at(2020, 3, 8, 3)},
                                     BinSpec::parse("hours:1"), {}, panel);
  EXPECT_EQ(panel.num_bins, 24);
  EXPECT_TRUE(panel.is_observed(1, 0));
  EXPECT_FALSE(panel.is_observed(2, 0));
  EXPECT_FALSE(panel.is_observed(2, 1));
  EXPECT_EQ(panel.count(2, 0, 0), 0U);
  EXPECT_EQ(panel.count(3, 0, 0), 2U) << "what was written down in it is counted in the hour after";
  EXPECT_EQ(notes.in_skipped_hour, 1U);
}

/// Greenland's clocks go forward at the last hour of a day since 2024.
TEST(PanelBuilder, ASkippedHourAtTheEndOfThePanelHasNoHourAfterIt) {
  Panel panel = empty_panel("America/Nuuk");
  const auto notes = count_incidents({at(2024, 3, 30, 22), at(2024, 3, 30, 23, 1, 1)},
                                     BinSpec::parse("hours:1"), {}, panel);
  ASSERT_FALSE(panel.is_observed(panel.num_bins - 1, 0));
  EXPECT_EQ(notes.beyond_last_bin, 1U);
  EXPECT_EQ(notes.in_skipped_hour, 0U);
  EXPECT_EQ(total(panel), 1U);
}

/// Samoa went to the other side of the date line without a 30 December 2011.
TEST(PanelBuilder, IncidentsOfASkippedDayAreCountedInTheFirstHourAfterIt) {
  Panel panel = empty_panel("Pacific/Apia");
  const auto notes = count_incidents({at(2011, 12, 29, 3), at(2011, 12, 30, 5), at(2012, 1, 1, 0)},
                                     BinSpec::parse("hours:1"), {}, panel);
  EXPECT_EQ(notes.in_skipped_hour, 1U);
  EXPECT_EQ(panel.count(48, 0, 0), 1U) << "31 December, 00:00";
  EXPECT_EQ(total(panel), 3U);
}

TEST(PanelBuilder, DoubledHourOfAutumnIsOneBin) {
  Panel panel = empty_panel();
  count_incidents({at(2020, 11, 1, 0), at(2020, 11, 1, 1), at(2020, 11, 1, 1), at(2020, 11, 1, 23)},
                  BinSpec::parse("hours:1"), {}, panel);
  EXPECT_EQ(panel.num_bins, 24);
  EXPECT_EQ(panel.count(1, 0, 0), 2U);
  EXPECT_EQ(panel.observed, std::vector<std::uint8_t>(48, 1));
}

TEST(PanelBuilder, HoursOfAZoneThatChangesItsClocksHaveAMaskBeforeTheFirstChange) {
  const auto mask = [](const char* zone, const char* bin, int year) {
    Panel panel = empty_panel(zone);
    count_incidents({at(year, 6, 1, 5), at(year, 6, 1, 20)}, BinSpec::parse(bin), {}, panel);
    return panel.observed;
  };
  EXPECT_EQ(mask("America/Los_Angeles", "hours:1", 2021), std::vector<std::uint8_t>(48, 1));
  EXPECT_EQ(mask("America/Sao_Paulo", "hours:1", 2018), std::vector<std::uint8_t>(48, 1));
  // no clock changes any more, none ever, and bins that no change leaves without time
  EXPECT_TRUE(mask("America/Sao_Paulo", "hours:1", 2021).empty());
  EXPECT_TRUE(mask("UTC", "hours:1", 2021).empty());
  EXPECT_TRUE(mask("America/Los_Angeles", "hours:2", 2021).empty());
  EXPECT_TRUE(mask("America/Los_Angeles", "day", 2021).empty());
}

TEST(PanelBuilder, NothingToCountAndTooManyCellsAreErrors) {
  Panel panel = empty_panel();
  EXPECT_THROW(count_incidents({}, BinSpec::parse("day"), {}, panel), DataError);
  Panel large = empty_panel();
  large.nodes.resize(1'000'000);
  EXPECT_THROW(
      count_incidents({at(1950, 1, 1), at(2020, 1, 1)}, BinSpec::parse("hours:1"), {}, large),
      DataError);
}

TEST(PanelBuilder, ContentHashIsOfTheDigestsOnly) {
  Incident a = at(2020, 1, 1), b = at(2020, 1, 2);
  a.digest[0] = std::byte{1};
  b.digest[0] = std::byte{2};
  const auto hash = content_hash({a, b});
  EXPECT_EQ(hash.size(), 64U);
  a.district = 1;
  EXPECT_EQ(content_hash({a, b}), hash);
  EXPECT_NE(content_hash({a}), hash);
}

}  // namespace
}  // namespace precinct::data
