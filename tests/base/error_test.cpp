// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>

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

/// Line and code that are said of an exception of the standard library.
template <typename E>
std::string said_of(const E& exception) {
  const Error error = as_error(exception);
  return fmt::format("{} {}", static_cast<int>(error.code()), error.what());
}

TEST(Error, OfAnyExceptionOneLineAndACodeAreSaid) {
  EXPECT_EQ(said_of(CheckpointError("a: expected b, found c")), "7 a: expected b, found c");
  EXPECT_EQ(
      said_of(std::filesystem::filesystem_error("cannot rename", "runs/a",
                                                std::make_error_code(std::errc::io_error))),
      "6 runs/a: expected a file or folder that can be used, found 'Input/output error'; check "
      "path, rights and room");
  EXPECT_EQ(said_of(std::bad_alloc()),
            "8 memory: expected more than is free, found std::bad_alloc; use smaller batches or a "
            "larger machine");
  EXPECT_TRUE(
      said_of(std::system_error(EAGAIN, std::generic_category())).starts_with("8 threads: "));
  EXPECT_TRUE(
      said_of(std::system_error(ENOSPC, std::generic_category())).starts_with("6 output: "));
  EXPECT_EQ(said_of(std::runtime_error("?")), "70 ?");
}

TEST(Error, ErrnoTextNamesThePath) {
  EXPECT_EQ(errno_text("/x", ENOSPC), "/x: No space left on device");
}

}  // namespace
}  // namespace precinct
