// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>

namespace precinct {
namespace {

bool quiet = false;

std::string clock_text(double seconds) {
  const auto total = static_cast<long>(seconds);
  return total >= 3600 ? fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60)
                       : fmt::format("{}:{:02}", total / 60, total % 60);
}

}  // namespace

void Progress::set_quiet(bool value) { quiet = value; }

Progress::Progress(std::string title, std::uint64_t total, std::string unit,
                   std::chrono::milliseconds pause)
    : title_(std::move(title)),
      total_(total),
      unit_(std::move(unit)),
      pause_(pause),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_),
      terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (std::uncaught_exceptions() > 0 && !finished_) {  // the error's line is all there is to say
    finished_ = true;
    if (terminal_ && !quiet) fmt::print(stderr, "\r\033[K");
  }
  finish();
}

void Progress::update(std::uint64_t done, const std::string& status) {
  done_ = done;
  if (!status.empty()) status_ = status;
  const auto now = std::chrono::steady_clock::now();
  if (quiet || now - last_draw_ < (terminal_ ? std::chrono::milliseconds(100) : pause_)) return;
  if (!terminal_ && total_ > 0 && done_ >= total_) {
    is_due_ = true;
    return;
  }
  last_draw_ = now;
  draw(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  const bool is_new = !drawn_ || done_ != drawn_done_ || status_ != drawn_status_;
  if (!quiet && (terminal_ || ((drawn_ || is_due_) && is_new))) draw(true);
}

void Progress::draw(bool last) {
  drawn_ = true;
  drawn_done_ = done_;
  drawn_status_ = status_;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  std::string line = title_ + " ";
  if (total_ > 0) {
    const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    if (terminal_) {
      const int filled = static_cast<int>(share * 24);
      line += fmt::format("[{:#<{}}{:.<{}}] ", "", filled, "", 24 - filled);
    }
    line += fmt::format("{:3.0f} % ", share * 100);
  }
  line += fmt::format("{} {}, {:.0f}/s", done_, unit_, rate);
  if (total_ > 0 && !last && rate > 0 && done_ < total_) {
    line += ", " + clock_text(static_cast<double>(total_ - done_) / rate) + " left";
  } else {
    line += ", " + clock_text(elapsed);
  }
  if (!status_.empty()) line += "  " + status_;
  if (terminal_) {
    fmt::print(stderr, "\r\033[K{}{}", line, last ? "\n" : "");
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

}  // namespace precinct
