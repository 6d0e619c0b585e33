// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace precinct {

/// Exit codes of the command line; the list is a contract.
enum class ExitCode : int {
  kDone = 0,
  kUsage = 2,
  kData = 3,
  kCommunication = 4,
  kNumeric = 5,
  kFile = 6,
  kNoCheckpoint = 7,
  kDevice = 8,
  kOurMistake = 70,
  kStoppedOnRequest = 75,
};

/// Base of everything that precinct throws. what() is one line: where, expected, found, what to do.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

#define PRECINCT_DEFINE_ERROR(Name, exit_code)                               \
  class Name : public Error {                                                \
   public:                                                                   \
    explicit Name(const std::string& message) : Error(exit_code, message) {} \
  }
PRECINCT_DEFINE_ERROR(ConfigError, ExitCode::kUsage);
PRECINCT_DEFINE_ERROR(DataError, ExitCode::kData);
PRECINCT_DEFINE_ERROR(CommError, ExitCode::kCommunication);
PRECINCT_DEFINE_ERROR(NumericError, ExitCode::kNumeric);
PRECINCT_DEFINE_ERROR(IoError, ExitCode::kFile);
PRECINCT_DEFINE_ERROR(CheckpointError, ExitCode::kNoCheckpoint);
PRECINCT_DEFINE_ERROR(DeviceError, ExitCode::kDevice);
PRECINCT_DEFINE_ERROR(ShapeError, ExitCode::kOurMistake);
PRECINCT_DEFINE_ERROR(StopRequested, ExitCode::kStoppedOnRequest);
#undef PRECINCT_DEFINE_ERROR

/// What is to be said of any exception, and its exit code: an Error as it is; of others one line
/// that names the file, memory, threads or output that was not to be had; else what() as our
/// mistake.
Error as_error(const std::exception& exception);

/// The text of errno for `path`, as the tail of an IoError message: "path: No space left on
/// device".
std::string errno_text(const std::string& path, int error_number);

}  // namespace precinct

/// Throws `ErrorType` with the formatted message unless the condition holds.
#define PRECINCT_CHECK(condition, ErrorType, ...)              \
  do {                                                         \
    if (!(condition)) [[unlikely]] {                           \
      throw ::precinct::ErrorType(::fmt::format(__VA_ARGS__)); \
    }                                                          \
  } while (false)
