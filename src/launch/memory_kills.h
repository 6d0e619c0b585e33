// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace precinct::launch {

/// What the kernel's control group says of processes killed for want of memory: this process's own
/// group, which its children share. Reads version 2 (memory.events) and version 1.
class MemoryKills {
 public:
  explicit MemoryKills(const std::filesystem::path& own_groups = "/proc/self/cgroup",
                       const std::filesystem::path& root = "/sys/fs/cgroup");
  /// How many so far; 0 when the kernel does not say.
  std::int64_t count() const;
  /// The lowest limit of the group and those above it; nothing when there is none.
  std::optional<std::int64_t> limit_bytes() const;

 private:
  std::filesystem::path events_;               // file with a line "oom_kill <n>"
  std::vector<std::filesystem::path> limits_;  // files with a number or "max"
};

}  // namespace precinct::launch
