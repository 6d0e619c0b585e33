// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/quality_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/civil_time.h"

namespace precinct::data {
namespace {

QualityReport sample() {
  QualityReport report;
  report.rows_read = 110;
  report.accepted = 100;
  report.duplicates = 4;
  report.repeated = 1;
  report.revised = 3;
  report.rejected = {{"bad_date", 5}, {"outside", 1}};
  report.missing_per_column = {{"LAT", 11}};
  report.report_lag_days = {{0, 50}, {1, 30}, {20, 15}, {400, 5}};
  report.latest_report_day = days_from_civil(2021, 8, 31);
  return report;
}

TEST(QualityReport, RowsReadAreAcceptedAndRejectedAndDuplicates) {
  const auto json = sample().to_json();
  EXPECT_EQ(json["rows_read"], json["accepted"].get<int>() + json["rejected"].get<int>() +
                                   json["duplicates"].get<int>());
  EXPECT_EQ(json["points"]["outside"], 1);
  EXPECT_THAT(sample().to_text(),
              testing::HasSubstr("rows read 110 = accepted 100 + rejected 6 + duplicates 4"));
}

TEST(QualityReport, LagQuantilesAndSharesAreThoseOfTheReports) {
  const auto report = sample();
  EXPECT_EQ(report.lag_quantile(.5), 0);
  EXPECT_EQ(report.lag_quantile(.8), 1);
  EXPECT_EQ(report.lag_quantile(.9), 20);
  EXPECT_EQ(report.lag_quantile(.99), 400);
  EXPECT_DOUBLE_EQ(report.share_within(0), .5);
  EXPECT_DOUBLE_EQ(report.share_within(30), .95);
  EXPECT_DOUBLE_EQ(report.share_within(-1), 0);
}

TEST(QualityReport, RecentDaysAreTheLessCompleteOnes) {
  const auto report = sample();
  EXPECT_DOUBLE_EQ(report.completeness(days_from_civil(2021, 8, 31)), .5);
  EXPECT_DOUBLE_EQ(report.completeness(days_from_civil(2021, 8, 1)), .95);
  EXPECT_DOUBLE_EQ(report.completeness(days_from_civil(2020, 1, 1)), 1);
}

TEST(QualityReport, PartsOfBlocksAddUp) {
  QualityReport sum = sample();
  sum.add(sample());
  EXPECT_EQ(sum.rows_read, 220U);
  EXPECT_EQ(sum.num_rejected(), 12U);
  EXPECT_EQ(sum.missing_per_column["LAT"], 22U);
  EXPECT_EQ(sum.num_with_report_time(), 200U);
  EXPECT_EQ(sum.lag_quantile(.9), 20);
}

TEST(QualityReport, ReportOfNothingHasNoDivisionByZero) {
  const QualityReport none;
  EXPECT_EQ(none.lag_quantile(.5), 0);
  EXPECT_EQ(none.to_json()["default_dates"]["noon_share"], 0);
  EXPECT_FALSE(none.to_text().empty());
}

}  // namespace
}  // namespace precinct::data
