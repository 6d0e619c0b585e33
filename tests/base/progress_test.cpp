// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

#include <gtest/gtest.h>

#include <stdexcept>

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

}  // namespace
}  // namespace precinct
