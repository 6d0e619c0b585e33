// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace precinct::test {

/// Tells what appears or is written in some folders as it happens (inotify), so that a program can
/// be caught in the middle of something without polling the disk.
class FolderWatch {
 public:
  explicit FolderWatch(const std::vector<std::filesystem::path>& folders)
      : file_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    for (const auto& folder : folders)
      if (::inotify_add_watch(file_, folder.c_str(), IN_CREATE | IN_MODIFY | IN_MOVED_TO) < 0)
        throw std::runtime_error("inotify: " + folder.string());
  }
  ~FolderWatch() { ::close(file_); }
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// Readable when something has happened.
  int file() const { return file_; }
  /// Names of what was created or written since the last call, in order.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    alignas(inotify_event) std::array<char, 16384> buffer{};
    for (ssize_t count; (count = ::read(file_, buffer.data(), buffer.size())) > 0;) {
      for (ssize_t at = 0; at < count;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        if (event->len > 0) names.emplace_back(event->name);
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
    }
    return names;
  }

 private:
  int file_;
};

}  // namespace precinct::test
