// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace precinct::apps {

enum class Level {
  kFine,
  kNote,     // works, but slower or with less than it could
  kProblem,  // a run on the CPU is not possible
};

/// One thing about this machine, and what to do about it.
struct Finding {
  std::string name;
  Level level = Level::kFine;
  std::string found;
  std::string remedy;  // empty when there is nothing to do
};

std::string to_string(Level level);

/// Processor, memory, disk below `run_folder`, libraries, data files, GPU. Runs nothing heavy,
/// writes one file of a byte into the run folder's nearest existing parent and removes it.
std::vector<Finding> look_at_machine(const std::filesystem::path& run_folder);

/// Value in bytes of "MemTotal:        123 kB" in the text of /proc/meminfo; 0 when it is not
/// there.
std::uint64_t meminfo_bytes(const std::string& meminfo, const std::string& key);

}  // namespace precinct::apps
