// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

namespace precinct {

Error as_error(const std::exception& exception) {
  if (const auto* error = dynamic_cast<const Error*>(&exception)) return *error;
  if (const auto* error = dynamic_cast<const std::filesystem::filesystem_error*>(&exception))
    return IoError(fmt::format(
        "{}: expected a file or folder that can be used, found '{}'; check path, rights and room",
        error->path1().string(), error->code().message()));
  if (const auto* error = dynamic_cast<const std::system_error*>(&exception)) {
    const bool is_busy_output = std::ferror(stdout) != 0;
    if (error->code() == std::errc::resource_unavailable_try_again && !is_busy_output)
      return DeviceError(
          fmt::format("threads: expected room for another thread, found '{}'; raise ulimit -u (or "
                      "the job's limit of pids, or "
                      "of memory), or lower data.loader_threads and OMP_NUM_THREADS",
                      error->what()));
    // fmt's, of a full standard output, among them
    return IoError(fmt::format(
        "output: expected to be written, found '{}'; make room, or look at where it goes",
        error->what()));
  }
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr)
    return DeviceError(fmt::format(
        "memory: expected more than is free, found {}; use smaller batches or a larger machine",
        exception.what()));
  return {ExitCode::kOurMistake, exception.what()};
}

std::string errno_text(const std::string& path, int error_number) {
  return fmt::format("{}: {}", path, std::strerror(error_number));
}

}  // namespace precinct
