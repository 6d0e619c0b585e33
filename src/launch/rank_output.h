// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "launch/file_descriptor.h"
#include "launch/output_queue.h"

namespace precinct::launch {

/// Cuts a stream of bytes into lines.
class LineCutter {
 public:
  using Line = std::function<void(std::string_view)>;
  /// Calls `line` for each whole line, without its end. A line of more than 64 KiB comes in pieces.
  void add(std::string_view bytes, const Line& line);
  /// The end of the stream: what is left is a line too.
  void finish(const Line& line);

 private:
  std::string begun_;
};

/// The output of one rank: whole lines go to the launcher's own standard output and error with
/// "[rank r] " before them, and as they are into the rank's log file.
class RankOutput {
 public:
  /// `log`: file to append to, empty for none. Throws IoError when it cannot be opened.
  RankOutput(std::int64_t rank, const std::filesystem::path& log, OutputQueue& queue);
  /// Reads what is there on the pipe of `file` (STDOUT_FILENO or STDERR_FILENO), at most 256 KiB,
  /// and closes the pipe at its end.
  void read(FileDescriptor& pipe, int file);
  /// Writes the lines that were begun.
  void finish();
  /// A line of the launcher's in the log file alone.
  void note(std::string_view line);
  /// The last line that was not blank, at most 200 bytes of it.
  const std::string& last_line() const { return last_line_; }

 private:
  void take(std::string_view line, int file);
  void to_log(std::string_view line);

  std::string prefix_, last_line_, log_name_;
  FileDescriptor log_;
  OutputQueue& queue_;
  std::array<LineCutter, 2> cutters_;  // of standard output and error
};

}  // namespace precinct::launch
