// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/civil_time.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/time_zone.h"

namespace precinct {
namespace {

CivilTime at(const char* text) { return parse_civil(text, "test"); }

TEST(CivilTime, ParsesAndFormats) {
  EXPECT_EQ(format_civil(at("2020-03-15")), "2020-03-15T00:00:00");
  EXPECT_EQ(format_civil(at("2020-02-29 23:59")), "2020-02-29T23:59:00");
  EXPECT_THROW(at("2021-02-29"), DataError);
  EXPECT_THROW(at("2021-2-9"), DataError);
  EXPECT_THROW(at("2021-02-03T25:00"), DataError);
}

TEST(CivilTime, WeekdayIsMondayZero) {
  EXPECT_EQ(weekday(days_from_civil(2020, 3, 15)), 6);  // a Sunday
  EXPECT_EQ(weekday(days_from_civil(1969, 12, 29)), 0);
}

TEST(BinAxis, HoursDaysWeeksAndMonthsRoundTrip) {
  for (const char* spec : {"hours:6", "hours:1", "day", "week", "month"}) {
    const BinAxis axis(BinSpec::parse(spec), at("2020-01-01"));
    for (std::int64_t bin = -50; bin < 500; bin += 7) {
      EXPECT_EQ(axis.bin_of(axis.start_of(bin)), bin) << spec;
      CivilTime last = axis.end_of(bin);
      last = last.minute > 0 ? CivilTime{last.day, last.minute - 1} : CivilTime{last.day - 1, 1439};
      EXPECT_EQ(axis.bin_of(last), bin) << spec;
      EXPECT_EQ(axis.last_day_of(bin), last.day) << spec;
    }
  }
}

TEST(BinAxis, RefusesAStartOffTheBorder) {
  EXPECT_THROW(BinAxis(BinSpec::parse("day"), at("2020-01-01T03:00")), DataError);
  EXPECT_THROW(BinAxis(BinSpec::parse("month"), at("2020-01-02")), DataError);
  EXPECT_THROW(BinAxis(BinSpec::parse("hours:6"), at("2020-01-01T03:00")), DataError);
}

TEST(BinSpec, RefusesHoursThatDoNotDivideADay) {
  EXPECT_THROW(BinSpec::parse("hours:5"), ConfigError);
  EXPECT_THROW(BinSpec::parse("fortnight"), ConfigError);
  EXPECT_EQ(BinSpec::parse("hours:24"), BinSpec::parse("day"));
}

TEST(BinAxis, SeasonsAreWeekdaysMonthsAndHoursOfTheWeek) {
  EXPECT_EQ(BinAxis(BinSpec::parse("day"), at("2020-03-16")).season_of(8), 1);
  EXPECT_EQ(BinAxis(BinSpec::parse("month"), at("2020-03-01")).season_of(12), 2);
  EXPECT_EQ(BinAxis(BinSpec::parse("hours:6"), at("2020-03-16")).season_of(5), 5);
  EXPECT_EQ(BinAxis(BinSpec::parse("week"), at("2020-03-16")).num_seasons(), 1);
}

TEST(TimeZone, OffsetsFollowDaylightSaving) {
  const TimeZone zone = TimeZone::load("America/Los_Angeles");
  EXPECT_EQ(zone.format(at("2020-01-15")), "2020-01-15T00:00:00-08:00");
  EXPECT_EQ(zone.format(at("2020-07-15")), "2020-07-15T00:00:00-07:00");
  EXPECT_EQ(zone.format(at("2020-03-08T01:59")), "2020-03-08T01:59:00-08:00");
  EXPECT_EQ(zone.format(at("2020-03-08T02:00")), "2020-03-08T02:00:00-08:00");  // skipped
  EXPECT_EQ(zone.format(at("2020-03-08T02:59")), "2020-03-08T02:59:00-08:00");
  EXPECT_EQ(zone.format(at("2020-03-08T03:00")), "2020-03-08T03:00:00-07:00");
  EXPECT_EQ(zone.format(at("2020-11-01T01:30")),
            "2020-11-01T01:30:00-07:00");  // doubled: the earlier one
  EXPECT_EQ(zone.format(at("2020-11-01T02:00")), "2020-11-01T02:00:00-08:00");
  EXPECT_EQ(zone.format(at("2060-07-15")), "2060-07-15T00:00:00-07:00");   // by the file's rule
  EXPECT_EQ(TimeZone::load("America/Sao_Paulo").format(at("2018-11-04")),  // a day that begins at 1
            "2018-11-04T00:00:00-03:00");
}

TEST(TimeZone, KnowsTheSkippedHour) {
  const TimeZone zone = TimeZone::load("America/Chicago");
  EXPECT_TRUE(zone.is_skipped(at("2017-03-12T02:30")));
  EXPECT_FALSE(zone.is_skipped(at("2017-03-12T03:00")));
  EXPECT_FALSE(zone.is_skipped(at("2017-11-05T01:30")));
  EXPECT_EQ(TimeZone::load("UTC").format(at("2020-01-01")), "2020-01-01T00:00:00+00:00");
}

TEST(TimeZone, RefusesAnUnknownName) {
  EXPECT_THROW(TimeZone::load("Mars/Olympus"), ConfigError);
  EXPECT_THROW(TimeZone::load("../../etc/passwd"), ConfigError);
}

}  // namespace
}  // namespace precinct
