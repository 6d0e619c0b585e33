// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/scaling_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/scaling/made_measurement.h"

namespace precinct::scaling {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

std::string line_of(const std::string& text, const std::string& begin) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(begin)) return line;
  return {};
}

TEST(ScalingReport, HasARowARunWithItsFigures) {
  const std::string text = to_text(test::made_measurement());
  EXPECT_THAT(text, HasSubstr("made_dnn (dnn, 1234 parameters, N=9, T=10, H=3, global batch 60): "
                              "2 ranks, 2 cores, cpu over gloo, 3 rounds of 2 steps"));
  EXPECT_THAT(line_of(text, "serial "),
              ContainsRegex("1 x 2 +16 +100 \\[100, 100\\] +600 +1.00 +1.50 +75 % +1.0 +99.0 +0.0 "
                            "+- +the reference"));
  EXPECT_THAT(line_of(text, "dp2 "),
              ContainsRegex("2 x 1 +16 +75.0 \\[75.0, 75.0\\] +800 +1.33 +2.00 +100 % +0.5 +71.5 "
                            "+3.0 +158.3 kB +4 steps, 0e[+]00"));
  EXPECT_THAT(text, HasSubstr("Threads tried for serial: 1 thread 150 ms, 2 threads 100 ms."));
  EXPECT_THAT(line_of(text, "dp2: "), HasSubstr("1.33x the fastest run in one process"));
}

TEST(ScalingReport, AnInvalidRowHasItsTimeButNoSpeedup) {
  auto m = test::made_measurement();
  m.runs[2].ranks[0].losses[1] = 0.41;
  const std::string text = to_text(m);
  EXPECT_THAT(line_of(text, "dp2 "),
              ContainsRegex("^dp2 +2 x 1 +16 +75.0 \\[75.0, 75.0\\]( +-)+ +INVALID from step 1$"));
  EXPECT_THAT(text, Not(HasSubstr("1.33")));
  EXPECT_THAT(to_markdown(m), Not(HasSubstr("1.33")));
  const auto row = json_report({}, {m})["networks"][0]["rows"][2];
  EXPECT_FALSE(row.contains("speedup"));
  EXPECT_EQ(row["disagreement"]["step"], 1);
}

TEST(ScalingReport, ALayoutThatIsNotOfferedSaysWhy) {
  auto m = test::made_measurement();
  m.runs[2].ranks.clear();
  m.runs[2].refused = "parallel.dp: too many";
  const std::string text = to_text(m);
  EXPECT_THAT(line_of(text, "dp2 "), ContainsRegex("^dp2 ( +-)+ +not offered$"));
  EXPECT_THAT(line_of(text, "dp2: "), "dp2: not offered: parallel.dp: too many");
}

/// Where the fastest run has one thread it is the one-thread run too, and has no column beside it.
TEST(ScalingReport, OneThreadIsNotShownTwice) {
  auto m = test::made_measurement();
  m.runs.erase(m.runs.begin() + 1);
  m.runs[0].threads = 1;
  EXPECT_THAT(line_of(to_text(m), "run"), Not(HasSubstr("vs one thread")));
  EXPECT_THAT(line_of(to_text(m), "dp2 "), ContainsRegex(" 800 +1.33 +67 % "));
}

/// On a GPU a wait in the program is none of the device.
TEST(ScalingReport, PrintsNoPartsThatWereNotMeasured) {
  auto m = test::made_measurement();
  m.device = "cuda:0";
  EXPECT_THAT(line_of(to_text(m), "dp2 "), ContainsRegex(" 0.5 +- +- +158.3 kB"));
  EXPECT_THAT(line_of(to_text(m), "dp2: "), HasSubstr("its parts are not measured on a GPU"));
}

TEST(ScalingReport, MarkdownHasTheSameCells) {
  const std::string text = to_markdown(test::made_measurement());
  EXPECT_THAT(
      line_of(text, "| dp2 "),
      "| dp2 | 2 x 1 | 16 | 75.0 [75.0, 75.0] | 800 | 1.33 | 2.00 | 100 % | 0.5 | 71.5 | 3.0 "
      "| 158.3 kB | 4 steps, 0e+00 |");
  const auto bars = [](const std::string& line) { return std::ranges::count(line, '|'); };
  EXPECT_EQ(bars(line_of(text, "| run ")), bars(line_of(text, "| dp2 ")));
  EXPECT_EQ(bars(line_of(text, "|---")), bars(line_of(text, "| dp2 ")));
}

TEST(ScalingReport, JsonHoldsTheRawTimesFromWhichTheTableIsMade) {
  const Origin origin{"vm", "CPU", "Linux", 2, "1.0", "2.11.0", "precinct bench", "2026-11-25"};
  const auto m = test::made_measurement();
  const auto json = nlohmann::json::parse(json_report(origin, {m, m}).dump());
  EXPECT_EQ(json["origin"]["command"], "precinct bench");
  ASSERT_EQ(json["networks"].size(), 2U);
  EXPECT_EQ(to_text(json["networks"][1].get<Measurement>()), to_text(m));
  EXPECT_NEAR(json["networks"][0]["rows"][2]["speedup"]["median"].get<double>(), 4.0 / 3, 1e-12);
}

TEST(ScalingReport, KnowsThisMachine) {
  const Origin origin = origin_here();
  EXPECT_GE(origin.cores, 1);
  EXPECT_NE(origin.processor, "");
  EXPECT_NE(origin.host, "");
  EXPECT_THAT(origin.libtorch, testing::StartsWith("2."));
  EXPECT_THAT(text_report(origin, {test::made_measurement()}), HasSubstr(origin.processor));
}

}  // namespace
}  // namespace precinct::scaling
