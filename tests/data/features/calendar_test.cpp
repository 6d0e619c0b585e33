// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/calendar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <set>

#include "base/error.h"
#include "base/time_zone.h"

namespace precinct::data {
namespace {

BinAxis axis_of(const char* spec, const char* start) {
  return {BinSpec::parse(spec), parse_civil(start, "test")};
}

/// Value of one named feature in one bin.
float value(const CalendarTable& table, const std::string& name, std::int64_t bin) {
  const auto at = std::find(table.names.begin(), table.names.end(), name);
  if (at == table.names.end()) throw std::runtime_error("no feature " + name);
  const auto width = static_cast<std::int64_t>(table.names.size());
  return table.values.at(static_cast<std::size_t>(bin * width + (at - table.names.begin())));
}

bool has(const CalendarTable& table, const std::string& name) {
  return std::find(table.names.begin(), table.names.end(), name) != table.names.end();
}

// The table is written by two Python packages that agree (fixtures/features/make_holidays.py).
TEST(Holidays, EveryDayOfTwentyYearsEqualsTheTable) {
  std::ifstream file(PRECINCT_SOURCE_DIR "/tests/fixtures/features/us_federal_holidays.txt");
  std::set<std::int64_t> wanted;
  for (std::string line; std::getline(file, line);)
    if (line.front() != '#') wanted.insert(parse_civil(line, "fixture").day);
  ASSERT_EQ(wanted.size(), 209U);
  for (std::int64_t day = days_from_civil(2010, 1, 1); day < days_from_civil(2030, 1, 1); ++day)
    EXPECT_EQ(is_us_federal_holiday(day), wanted.contains(day)) << format_date(day);
}

TEST(Daylight, EqualsPublishedDayLengths) {
  const auto hours = [](int month, int day, double latitude) {
    return 24 * daylight_share(days_from_civil(2021, month, day), latitude);
  };
  // Day lengths without refraction and the sun's radius, which add about .15 h.
  EXPECT_NEAR(hours(6, 21, 34.05), 14.43, .25);  // Los Angeles
  EXPECT_NEAR(hours(12, 21, 34.05), 9.88, .25);
  EXPECT_NEAR(hours(6, 21, 51.5), 16.63, .3);  // London
  EXPECT_NEAR(hours(3, 21, 51.5), 12.0, .2);
  EXPECT_EQ(hours(6, 21, 80), 24);  // polar day and night
  EXPECT_EQ(hours(12, 21, 80), 0);
  EXPECT_NEAR(hours(6, 21, -34.05), hours(12, 21, 34.05), .05);  // the south has it reversed
}

TEST(Calendar, DailyBinsStateWeekdayDayMonthFlagsAndTrend) {
  const BinAxis axis = axis_of("day", "2019-12-30");  // a Monday
  const CalendarTable table = compute_calendar(axis, 400, 34, "cyclic", "us_federal");
  EXPECT_EQ(table.values.size(), 400 * table.names.size());
  EXPECT_FALSE(has(table, "hour_sin"));
  for (std::int64_t bin = 0; bin < 400; ++bin) {
    const std::int64_t day = axis.start_of(bin).day;
    const CivilDate date = civil_from_days(day);
    const double tau = 2 * std::numbers::pi;
    EXPECT_NEAR(value(table, "weekday_sin", bin), std::sin(tau * (bin % 7) / 7.0), 1e-6);
    EXPECT_NEAR(value(table, "weekday_cos", bin), std::cos(tau * (bin % 7) / 7.0), 1e-6);
    EXPECT_NEAR(value(table, "day_of_month_sin", bin), std::sin(tau * (date.day - 1) / 31.0), 1e-6);
    EXPECT_NEAR(value(table, "month_cos", bin), std::cos(tau * (date.month - 1) / 12.0), 1e-6);
    EXPECT_EQ(value(table, "weekend", bin), bin % 7 >= 5);
    EXPECT_EQ(value(table, "first_of_month", bin), date.day == 1);
    EXPECT_EQ(value(table, "first_of_year", bin), date.day == 1 && date.month == 1);
    EXPECT_EQ(value(table, "holiday", bin), is_us_federal_holiday(day));
    EXPECT_NEAR(value(table, "trend", bin), static_cast<double>(bin) / 365.25, 1e-6);
    EXPECT_EQ(table.weekday[static_cast<std::size_t>(bin)], bin % 7);
    EXPECT_EQ(table.day_slot[static_cast<std::size_t>(bin)], 0);
  }
  EXPECT_EQ(value(table, "holiday", 2), 1);  // 2020-01-01
}

// Bins are local civil hours: the skipped hour of spring exists and the doubled hour of autumn is
// one bin, so the hour of a bin never drifts against the clock on the wall.
TEST(Calendar, HoursFollowTheWallClockOverBothClockChanges) {
  const BinAxis axis = axis_of("hours:1", "2020-03-01");
  const std::int64_t days = 260;  // over 8 March and 1 November 2020
  const CalendarTable table = compute_calendar(axis, 24 * days, 34, "integer", "none");
  const TimeZone zone = TimeZone::load("America/Los_Angeles");
  int skipped = 0;
  for (std::int64_t bin = 0; bin < 24 * days; ++bin) {
    const CivilTime start = axis.start_of(bin);
    ASSERT_EQ(start.minute, bin % 24 * 60);
    ASSERT_EQ(start.day, axis.start().day + bin / 24);
    EXPECT_EQ(table.day_slot[static_cast<std::size_t>(bin)], bin % 24);
    EXPECT_NEAR(value(table, "hour", bin), static_cast<double>(bin % 24) / 23, 1e-6);
    EXPECT_EQ(table.weekday[static_cast<std::size_t>(bin)], weekday(start.day));
    skipped += zone.is_skipped(start) ? 1 : 0;
  }
  EXPECT_EQ(skipped, 1);
  EXPECT_EQ(zone.offset_seconds(axis.start_of(0)), -8 * 3600);
  EXPECT_EQ(zone.offset_seconds(axis.start_of(24 * 100)), -7 * 3600);
}

TEST(Calendar, BandsOfSixHoursHaveFourSlots) {
  const CalendarTable table =
      compute_calendar(axis_of("hours:6", "2020-03-15T12:00"), 8, 34, "one_hot", "none");
  EXPECT_EQ(table.day_slot, (std::vector<std::int32_t>{2, 3, 0, 1, 2, 3, 0, 1}));
  EXPECT_EQ(table.weekday, (std::vector<std::int32_t>{6, 6, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(value(table, "hour_2", 0), 1);
  EXPECT_EQ(value(table, "hour_3", 0), 0);
  EXPECT_FALSE(has(table, "holiday"));
}

TEST(Calendar, WhatIsConstantForABinIsLeftOut) {
  const CalendarTable week = compute_calendar(axis_of("week", "2020-03-15"), 60, 34, "cyclic",
                                              "us_federal"),
                      month = compute_calendar(axis_of("month", "2020-03-01"), 60, 34, "cyclic",
                                               "us_federal");
  for (const char* name : {"hour_sin", "weekday_sin", "day_of_month_sin", "weekend", "holiday"}) {
    EXPECT_FALSE(has(week, name)) << name;
    EXPECT_FALSE(has(month, name)) << name;
  }
  EXPECT_TRUE(has(week, "day_of_year_sin"));
  EXPECT_FALSE(has(month, "day_of_year_sin"));
  EXPECT_NEAR(value(month, "month_sin", 1), 1, 1e-6);  // April is a quarter of a turn
  EXPECT_EQ(week.weekday, std::vector<std::int32_t>(60, 0));
}

TEST(Calendar, OneHotSumsToOneAndIntegersLieInTheUnitInterval) {
  const BinAxis axis = axis_of("day", "2020-01-01");
  const CalendarTable hot = compute_calendar(axis, 366, 34, "one_hot", "none"),
                      integer = compute_calendar(axis, 366, 34, "integer", "none");
  for (std::int64_t bin = 0; bin < 366; ++bin) {
    float weekday = 0, month = 0;
    for (int i = 0; i < 7; ++i) weekday += value(hot, "weekday_" + std::to_string(i), bin);
    for (int i = 0; i < 12; ++i) month += value(hot, "month_" + std::to_string(i), bin);
    EXPECT_EQ(weekday, 1);
    EXPECT_EQ(month, 1);
    for (const char* name : {"weekday", "day_of_month", "day_of_year", "month"}) {
      EXPECT_GE(value(integer, name, bin), 0) << name;
      EXPECT_LE(value(integer, name, bin), 1) << name;
    }
  }
  EXPECT_EQ(value(integer, "day_of_year", 365), 1);  // 31 December of a leap year
}

TEST(Calendar, UnknownFormsAndHolidayTablesAreRefused) {
  const BinAxis axis = axis_of("day", "2020-01-01");
  EXPECT_THROW(compute_calendar(axis, 3, 34, "fourier", "none"), ConfigError);
  EXPECT_THROW(compute_calendar(axis, 3, 34, "cyclic", "uk"), ConfigError);
}

}  // namespace
}  // namespace precinct::data
