// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/rank_output.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "base/error.h"

namespace precinct::launch {
namespace {

constexpr std::size_t kLongestLine = 64 << 10;
constexpr std::size_t kLongestLastLine = 200;
constexpr int kReadsAtOnce = 4;

/// Not in the middle of a UTF-8 character.
std::string shortened(std::string_view line) {
  std::size_t size = std::min(line.size(), kLongestLastLine);
  while (size > 0 && size < line.size() && (static_cast<unsigned char>(line[size]) & 0xC0U) == 0x80)
    --size;
  return std::string(line.substr(0, size));
}

}  // namespace

void LineCutter::add(std::string_view bytes, const Line& line) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t size = std::min(std::min(end, bytes.size()), kLongestLine - begun_.size());
    begun_ += bytes.substr(0, size);
    const bool ends = size == end;
    bytes.remove_prefix(ends ? size + 1 : size);
    if (!ends && begun_.size() < kLongestLine) return;
    line(begun_);
    begun_.clear();
  }
}

void LineCutter::finish(const Line& line) {
  if (!begun_.empty()) line(begun_);
  begun_.clear();
}

RankOutput::RankOutput(std::int64_t rank, const std::filesystem::path& log, OutputQueue& queue)
    : prefix_(fmt::format("[rank {}] ", rank)), log_name_(log.string()), queue_(queue) {
  if (log.empty()) return;
  log_ = FileDescriptor(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  PRECINCT_CHECK(log_.is_open(), IoError,
                 "--log-dir: {}; expected a log file that can be written; check path and rights",
                 errno_text(log_name_, errno));
}

void RankOutput::read(FileDescriptor& pipe, int file) {
  std::array<char, 64 << 10> buffer;
  auto& cutter = cutters_[file == STDOUT_FILENO ? 0 : 1];
  for (int i = 0; i < kReadsAtOnce; ++i) {
    const ssize_t count = ::read(pipe.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0) {
      pipe.close();
      return;
    }
    cutter.add({buffer.data(), static_cast<std::size_t>(count)},
               [&](std::string_view line) { take(line, file); });
  }
}

void RankOutput::finish() {
  cutters_[0].finish([&](std::string_view line) { take(line, STDOUT_FILENO); });
  cutters_[1].finish([&](std::string_view line) { take(line, STDERR_FILENO); });
}

void RankOutput::note(std::string_view line) { to_log(line); }

void RankOutput::take(std::string_view line, int file) {
  if (line.find_first_not_of(" \t\r") != std::string_view::npos) last_line_ = shortened(line);
  queue_.push(file, fmt::format("{}{}\n", prefix_, line));
  to_log(line);
}

/// A full disk ends the log, not the job.
void RankOutput::to_log(std::string_view line) {
  if (!log_.is_open()) return;
  const std::string text = fmt::format("{}\n", line);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(log_.number(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      queue_.push(STDERR_FILENO,
                  fmt::format("precinct launch: {}; expected room for the rank's log; the rank "
                              "goes on without it\n",
                              errno_text(log_name_, errno)));
      log_.close();
      return;
    }
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace precinct::launch
