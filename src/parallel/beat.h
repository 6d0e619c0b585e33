// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "parallel/call_history.h"
#include "parallel/progress.h"

namespace precinct::parallel {

/// One sign of life of a rank, as the others read it.
struct Beat {
  std::uint64_t number = 0;  ///< from 1
  std::string host;
  std::int64_t pid = 0;
  std::int64_t step = 0;
  std::string phase;
  std::uint64_t changes = 0;  ///< Progress::Snapshot's
  double idle_s = 0;
  std::string waits_for;                         ///< the call; empty when it works
  std::map<std::string, Progress::Usual> usual;  ///< by phase
  struct Group {
    std::string id, name;
    PastCall last;  ///< number 0: none yet
  };
  std::vector<Group> groups;
  std::string waits_in{};  ///< Progress::Awaited's group and number
  std::uint64_t waits_number = 0;

  /// A text without its own format's breaks, and back; nothing when it is none.
  std::string text() const;
  static std::optional<Beat> parse(const std::string& text);
};

}  // namespace precinct::parallel
