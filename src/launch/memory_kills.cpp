// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/memory_kills.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace precinct::launch {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;  // version 1 writes a number near 2^63

/// Folder of the group `name` ("/job/step") below `root`; in a container the group may be the root
/// of what is mounted.
fs::path group_folder(const fs::path& root, const std::string& name, const std::string& file) {
  const fs::path folder = root / fs::path(name).relative_path();
  std::error_code ignored;
  return fs::exists(folder / file, ignored) ? folder : root;
}

}  // namespace

MemoryKills::MemoryKills(const fs::path& own_groups, const fs::path& root) {
  std::ifstream lines(own_groups);
  std::string name, events = "memory.events", limit = "memory.max";
  fs::path top = root;
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers == "memory") {  // version 1
      name = line.substr(second + 1);
      top = root / "memory";
      events = "memory.oom_control";
      limit = "memory.limit_in_bytes";
      break;
    }
    if (controllers.empty()) name = line.substr(second + 1);
  }
  const fs::path folder = group_folder(top, name, events);
  events_ = folder / events;
  for (fs::path at = folder;; at = at.parent_path()) {
    limits_.push_back(at / limit);
    if (at == top || at == at.parent_path()) break;
  }
}

std::int64_t MemoryKills::count() const {
  std::ifstream text(events_);
  std::string name;
  for (std::int64_t value = 0; text >> name >> value;)
    if (name == "oom_kill") return value;
  return 0;
}

std::optional<std::int64_t> MemoryKills::limit_bytes() const {
  std::int64_t lowest = kNoLimit;
  for (const auto& file : limits_) {
    std::ifstream text(file);
    std::int64_t value = 0;
    if (text >> value) lowest = std::min(lowest, value);  // "max" is no number
  }
  if (lowest == kNoLimit) return std::nullopt;
  return lowest;
}

}  // namespace precinct::launch
