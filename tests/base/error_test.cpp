// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace precinct {
namespace {

TEST(Error, CheckThrowsTheNamedTypeWithItsExitCode) {
  try {
    PRECINCT_CHECK(1 == 2, DataError, "f.csv:{}: expected HHMM, found '{}'", 3, "2575");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_STREQ(error.what(), "f.csv:3: expected HHMM, found '2575'");
  }
}

TEST(Error, ErrnoTextNamesThePath) {
  EXPECT_EQ(errno_text("/x", ENOSPC), "/x: No space left on device");
}

}  // namespace
}  // namespace precinct
