// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "parallel/call_record.h"

namespace precinct::parallel {

/// One collective call of a group, as another rank can compare it.
struct PastCall {
  std::uint64_t number = 0;  ///< from 1
  std::uint64_t hash = 0;    ///< of all calls up to this one
  std::string text;          ///< "all_reduce(sum) [4, 3] float32"
};

/// The last collective calls of a group. Ranks that make the same calls have equal hashes at equal
/// numbers. Thread-safe: one thread adds, another one reads.
class CallHistory {
 public:
  static constexpr std::size_t kKept = 2048;
  void add(const CallRecord& record, std::uint64_t hash);
  std::optional<PastCall> last() const;
  /// Nothing when it is older than what is kept, or yet to come.
  std::optional<PastCall> at(std::uint64_t number) const;
  /// All that is kept, a line per call, and the same read back; lines that cannot be read are left
  /// out.
  std::string dump() const;
  static std::vector<PastCall> read(const std::string& dump);

 private:
  struct Entry {
    CallRecord record;
    std::uint64_t hash = 0;
  };
  static PastCall past(const Entry& entry);
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
};

/// The first call in which two ranks differ, as each of them made it; nothing when what both keep
/// shows none. A rank that made no call of that number has an empty text.
struct CallDifference {
  std::uint64_t number = 0;
  std::string own, other;
  bool is_first = true;  ///< false: an earlier one, no longer kept, differs already
};
std::optional<CallDifference> first_difference(const std::vector<PastCall>& own,
                                               const std::vector<PastCall>& other);

/// What is said of it: where, expected, found with both ranks, and what to do.
std::string difference_text(const std::string& group, const CallDifference& found,
                            std::int64_t own_rank, std::int64_t other_rank);

}  // namespace precinct::parallel
