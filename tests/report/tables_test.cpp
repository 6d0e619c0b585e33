// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_evaluation.h"

namespace precinct::report {
namespace {

using test::made_evaluation;
using testing::HasSubstr;
using testing::Not;

TEST(MetricTable, HasEveryForecasterWithItsSkillAndVerdict) {
  const std::string html =
      metric_table(made_evaluation({{"dnn", false, .31674, .0003, -.0008, .0009},
                                    {"last_value", true, .8943, -1.8, -1.9, -1.7},
                                    {"gamma_poisson", true, .3168}},
                                   "dnn"));
  EXPECT_THAT(html, HasSubstr("<tr class=model><th scope=row>dnn</th><td>0.3167</td>"));
  EXPECT_THAT(html, HasSubstr("<tr class=baseline><th scope=row>last_value</th><td>0.8943</td>"));
  EXPECT_THAT(html, HasSubstr("+0.03&nbsp;% [-0.08, +0.09]"));
  EXPECT_THAT(html, HasSubstr("no better than gamma_poisson"));
  EXPECT_THAT(html, HasSubstr("the reference"));
  EXPECT_THAT(html,
              HasSubstr("same 14,634 cells of the test range (bins 96 to 119), 1 to 3 steps"));
}

TEST(MetricTable, WhatAForecasterLacksIsADash) {
  auto evaluation = made_evaluation({{"point", false, 0}, {"gamma_poisson", true, .3}});
  evaluation["forecasters"][0]["total"].erase("NLL");
  evaluation["forecasters"][0]["skill"]["score"] = "MSE";
  const std::string html = metric_table(evaluation);
  EXPECT_THAT(html, HasSubstr("<th scope=row>point</th><td class=none>&ndash;</td>"));
  EXPECT_THAT(html, HasSubstr("+0.00&nbsp;% [+0.00, +0.00] of MSE"));
}

TEST(MetricTable, NamesAreEscaped) {
  const std::string html =
      metric_table(made_evaluation({{"<b>x", false, .3}, {"gamma_poisson", true, .3}}));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;x"));
  EXPECT_THAT(html, Not(HasSubstr("<b>x")));
}

TEST(MetricTable, SaysWhenNothingWasScored) {
  EXPECT_THAT(metric_table(nullptr), HasSubstr("No evaluation"));
  EXPECT_EQ(breakdown_table(nullptr), "");
}

TEST(BreakdownTable, HasNetworksAndReferenceByCategoryAndStep) {
  const std::string html = breakdown_table(made_evaluation(
      {{"dnn", false, .3167}, {"last_value", true, .9}, {"gamma_poisson", true, .3168}}, "dnn"));
  for (const char* part : {"Person", "Property", "step&nbsp;3", "dnn", "gamma_poisson", "0.3167"})
    EXPECT_THAT(html, HasSubstr(part));
  EXPECT_THAT(html, Not(HasSubstr("last_value")));
}

TEST(QualityTable, RowsAddUpAndRejectsLagAndMissingValuesAreShown) {
  const std::string html =
      quality_table({{"rows_read", 12954},
                     {"accepted", 12900},
                     {"rejected", 30},
                     {"duplicates", 24},
                     {"rejected_by_kind", {{"time", 30}}},
                     {"default_dates", {{"first_of_month_share", .045}, {"noon_share", .05}}},
                     {"report_lag_days",
                      {{"median", 1}, {"p90", 20}, {"p99", 331}, {"latest_report", "2023-07-22"}}},
                     {"missing_per_column", {{"LAT", 1295}}},
                     {"warnings", {"a <strange> source"}}});
  EXPECT_THAT(html, HasSubstr("12,954 read = 12,900 accepted + 30 rejected + 24 duplicates"));
  EXPECT_THAT(html, HasSubstr("<dt>rejected: time</dt><dd>30</dd>"));
  EXPECT_THAT(html, HasSubstr("4.5 % fall on the first of a month"));
  EXPECT_THAT(html, HasSubstr("half within 1 day, 90 % within 20 days, 99 % within 331 days"));
  EXPECT_THAT(html, HasSubstr("<th scope=row>LAT</th><td>1,295</td><td>10.0&nbsp;%</td>"));
  EXPECT_THAT(html, HasSubstr("a &lt;strange&gt; source"));
}

TEST(QualityTable, SaysWhenNothingIsKnown) {
  EXPECT_THAT(quality_table(nullptr), HasSubstr("not known"));
}

}  // namespace
}  // namespace precinct::report
