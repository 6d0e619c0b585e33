// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace precinct {
namespace {

TEST(Progress, ShortTaskWithoutATerminalSaysNothing) {
  testing::internal::CaptureStderr();
  {
    Progress progress("read", 100, "rows");
    progress.update(50);
    progress.update(100, "done");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, ErrorLeavesTheLastWordToItsMessage) {
  testing::internal::CaptureStderr();
  try {
    Progress progress("read", 100, "rows");
    progress.update(50);
    throw std::runtime_error("x");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

/// Plain lines of stderr, without what the clock says.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(std::regex_replace(line, std::regex(", [0-9]+/s, [0-9:]+( left)?"), ""));
  return lines;
}

TEST(Progress, TheLastPlainLineIsWrittenOnce) {
  testing::internal::CaptureStderr();
  {
    Progress progress("read", 100, "rows", std::chrono::milliseconds(0));
    progress.update(50, "loss 2");
    progress.update(100, "loss 1");
    progress.update(100, "score 3");
    progress.finish();
  }
  EXPECT_EQ(
      lines_of(testing::internal::GetCapturedStderr()),
      (std::vector<std::string>{"read  50 % 50 rows  loss 2", "read 100 % 100 rows  score 3"}));
}

TEST(Progress, OneLongUpdateHasItsLine) {
  testing::internal::CaptureStderr();
  Progress("read", 7, "rows", std::chrono::milliseconds(0)).update(7);
  EXPECT_EQ(lines_of(testing::internal::GetCapturedStderr()),
            std::vector<std::string>{"read 100 % 7 rows"});
}

TEST(Progress, AnEarlyEndAndAnUnknownTotalRepeatNoLine) {
  testing::internal::CaptureStderr();
  Progress("read", 100, "rows", std::chrono::milliseconds(0)).update(40);
  Progress("count", 0, "rows", std::chrono::milliseconds(0)).update(40);
  EXPECT_EQ(lines_of(testing::internal::GetCapturedStderr()),
            (std::vector<std::string>{"read  40 % 40 rows", "count 40 rows"}));
}

}  // namespace
}  // namespace precinct
