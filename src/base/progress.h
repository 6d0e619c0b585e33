// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace precinct {

/// Progress of a long task on stderr: a redrawn bar with rate and ETA on a terminal, a plain line
/// every few seconds otherwise (none for a shorter task), silent when `--quiet` and when an
/// exception ends the task. Not thread-safe: one thread updates.
class Progress {
 public:
  /// `total` 0 means unknown. `unit` e.g. "rows", "windows". `pause`: between plain lines.
  Progress(std::string title, std::uint64_t total, std::string unit,
           std::chrono::milliseconds pause = std::chrono::seconds(5));
  ~Progress();
  /// Absolute position and a short status text, e.g. "loss 0.5751".
  void update(std::uint64_t done, const std::string& status = {});
  /// Draws the last state and ends the line. A plain line of the last state is written once: that
  /// of 100 % here and not by update().
  void finish();
  static void set_quiet(bool quiet);

 private:
  void draw(bool last);
  std::string title_;
  std::uint64_t total_;
  std::string unit_;
  std::uint64_t done_ = 0;
  std::string status_;
  std::chrono::milliseconds pause_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_draw_;
  bool terminal_ = false;
  bool finished_ = false;
  bool is_due_ = false;  // a plain line was left to finish()
  bool drawn_ = false;
  std::uint64_t drawn_done_ = 0;
  std::string drawn_status_;
};

}  // namespace precinct
