// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/date_format.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace precinct::data {
namespace {

const std::vector<std::string> kFormats = {"%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "%m/%d/%Y",
                                           "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S"};

std::string parsed(const std::string& text) {
  const auto time = parse_by_formats(text, kFormats);
  return time ? format_civil(*time) : "none";
}

TEST(DateFormat, AllDateFormsOfTheLapdAreRead) {
  EXPECT_EQ(parsed("03/05/2020 12:00:00 AM"), "2020-03-05T00:00:00");
  EXPECT_EQ(parsed("3/5/2020 0:00"), "2020-03-05T00:00:00");
  EXPECT_EQ(parsed("03/05/2020 00:00"), "2020-03-05T00:00:00");
  EXPECT_EQ(parsed("3/5/2020"), "2020-03-05T00:00:00");
  EXPECT_EQ(parsed("2020-03-05T00:00:00.000"), "2020-03-05T00:00:00");
}

TEST(DateFormat, TwelveHourClockHasNoonAndMidnight) {
  EXPECT_EQ(parsed("12/31/2017 12:00:00 PM"), "2017-12-31T12:00:00");
  EXPECT_EQ(parsed("12/31/2017 12:59:00 AM"), "2017-12-31T00:59:00");
  EXPECT_EQ(parsed("12/31/2017 11:59:00 pm"), "2017-12-31T23:59:00");
}

TEST(DateFormat, ImpossibleDatesAndLeftOversAreRefused) {
  for (const char* text : {"", "02/30/2020 0:00", "2/29/2021 0:00", "13/01/2020 0:00", "0/1/2020",
                           "1/0/2020", "1/1/20", "1/1/2020 24:00", "1/1/2020 1:60", "1/1/2020x",
                           "01/01/2020 13:00:00 PM", "01/01/2020 00:10:00 AM", "2020-01-01", "NaN"})
    EXPECT_EQ(parsed(text), "none") << text;
}

TEST(DateFormat, SecondsAreKeptAndATextKnowsWhetherItHasAnHour) {
  const auto time = parse_by_formats("2020-03-05T10:11:12.5", kFormats);
  ASSERT_TRUE(time);
  EXPECT_EQ(time->second, 12);
  EXPECT_TRUE(time->has_clock);
  EXPECT_FALSE(parse_by_formats("3/5/2020", kFormats)->has_clock);
}

TEST(DateFormat, UnknownTokensAndFormatsWithoutADateAreNamed) {
  EXPECT_NO_THROW(check_time_format("%d.%m.%Y %H:%M", "--time-format"));
  for (const char* format : {"%d.%m.%y", "%Y-%m-%dT%H:%M%z", "%H:%M", "%m/%Y"})
    EXPECT_THROW(check_time_format(format, "--time-format"), ConfigError) << format;
}

TEST(DateFormat, LeapDayIsADate) { EXPECT_EQ(parsed("2/29/2020"), "2020-02-29T00:00:00"); }

TEST(DateFormat, ClockAsNumberThatLostItsZerosIsPadded) {
  EXPECT_EQ(parse_hhmm("2359"), 1439);
  EXPECT_EQ(parse_hhmm("0100"), 60);
  EXPECT_EQ(parse_hhmm("100"), 60);
  EXPECT_EQ(parse_hhmm("30"), 30);
  EXPECT_EQ(parse_hhmm("1"), 1);
  EXPECT_EQ(parse_hhmm("0"), 0);
}

TEST(DateFormat, ImpossibleClockIsRefused) {
  for (const char* text : {"2360", "2400", "2575", "60", "1299", "", "-1", "12:00", "10000", "1a"})
    EXPECT_FALSE(parse_hhmm(text).has_value()) << text;
}

}  // namespace
}  // namespace precinct::data
