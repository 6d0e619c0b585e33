// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A terminal for a program or for this process, and what is written on it.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

namespace precinct::test {

class Terminal {
 public:
  Terminal() {
    if (::openpty(&master_, &slave_, nullptr, nullptr, nullptr) != 0)
      throw std::runtime_error("no terminal");
    ::fcntl(master_, F_SETFD, FD_CLOEXEC);
    reader_ = std::thread([this] { read(); });
  }
  ~Terminal() { text(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// To be dup2()ed.
  int file() const { return slave_; }
  /// All that was written; nothing is read afterwards.
  std::string text() {
    if (!reader_.joinable()) return text_;
    is_over_ = true;
    reader_.join();
    ::close(slave_);
    ::close(master_);
    return text_;
  }

 private:
  void read() {
    while (true) {
      const bool is_last = is_over_;  // then what is there now is all
      pollfd file{master_, POLLIN, 0};
      while (::poll(&file, 1, is_last ? 0 : 20) > 0) {
        std::array<char, 4096> buffer{};
        const ssize_t count = ::read(master_, buffer.data(), buffer.size());
        if (count <= 0) break;
        text_.append(buffer.data(), static_cast<std::size_t>(count));
      }
      if (is_last) return;
    }
  }

  int master_ = -1, slave_ = -1;
  std::atomic<bool> is_over_ = false;
  std::string text_;
  std::thread reader_;
};

}  // namespace precinct::test
