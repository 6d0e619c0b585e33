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

#include "tests/support/terminal.h"

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

TEST(Progress, ATerminalHasABarWithRateAndTheTimeThatIsLeft) {
  test::Terminal terminal;
  const int before = ::dup(STDERR_FILENO);
  ::dup2(terminal.file(), STDERR_FILENO);
  {
    Progress progress("fit", 400, "windows");
    std::this_thread::sleep_for(std::chrono::milliseconds(1050));
    progress.update(100, "loss 0.5751");  // three times as long is left
    progress.update(100);                 // too soon to be drawn again
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  const std::string text = terminal.text();
  std::smatch parts;
  const std::regex form(
      "\r\x1b\\[Kfit \\[######\\.{18}\\]  25 % 100 windows, ([0-9]+)/s, ([0-9]+):([0-9]+) left  "
      "loss "
      "0\\.5751\r\x1b\\[Kfit [^\r]*, 0:0[0-9]  loss 0\\.5751\r\n");
  ASSERT_TRUE(std::regex_match(text, parts, form)) << text;
  EXPECT_GE(std::stoi(parts[1]), 40);
  EXPECT_LE(std::stoi(parts[1]), 95);
  EXPECT_EQ(std::stoi(parts[2]), 0);
  EXPECT_GE(std::stoi(parts[3]), 3);
  EXPECT_LE(std::stoi(parts[3]), 8);
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
