// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "parallel/call_history.h"
#include "parallel/call_record.h"
#include "parallel/store.h"

namespace precinct::parallel {

/// Compares the calls of a group's ranks through the job's store, so that ranks that disagree get
/// an error with both sides instead of a wrong result or an end by std::terminate (what Gloo does
/// with sizes that differ).
class CallChecker {
 public:
  /// `world_ranks` of the group's members, for messages. `while_waiting` is called again and again
  /// while a rank waits: it says how long the next wait may be, moves other messages on, and throws
  /// when the group was aborted.
  CallChecker(std::unique_ptr<Store> store, std::string group, int rank,
              std::vector<int> world_ranks, std::chrono::milliseconds timeout,
              std::function<std::chrono::milliseconds()> while_waiting);

  /// Blocks until every rank is at its call of this number. Throws CommError, the same on all
  /// ranks, unless the hashes of all calls up to this one agree; and one that names who is missing
  /// after the timeout.
  void compare_collective(const CallRecord& record, std::uint64_t hash);

  /// Blocks until every rank is here and throws unless all made the same calls so far. The error
  /// names the first that differs, among those that are kept.
  void compare_history(const CallHistory& history, std::uint64_t num_calls, std::uint64_t hash);

  /// A message under check: the sender announces it; the receiver compares it with what it expects
  /// before it takes it, and answers; the sender waits for the answer.
  struct Message {
    CallRecord record;
    int peer = -1;
    std::string key;           ///< empty when it is not compared
    std::uint64_t number = 0;  ///< of this direction, peer and tag; alike at both ends
  };
  /// Counts a message; nothing is sent.
  Message count(const CallRecord& record, int peer, int tag);
  void announce(const Message& message);
  /// Compares and answers when the sender has announced it; false when it has not.
  bool try_received(const Message& message);
  /// Waits a moment for the sender; throws CommError after `waited` is `limit`.
  void await_sender(const Message& message, std::chrono::milliseconds waited,
                    std::chrono::milliseconds limit);
  void await_answer(const Message& message, std::chrono::milliseconds limit);

 private:
  CommError missing(const Message& message, const char* what,
                    std::chrono::milliseconds limit) const;
  void answer(const Message& message, const std::string& sent);
  void compare_all(const std::string& key, const std::string& own, const CallRecord& record,
                   const CallHistory* history = nullptr);
  [[noreturn]] void disagree(const std::vector<std::string>& values, const CallRecord& record,
                             const CallHistory* history) const;
  std::string first_that_differs(const std::vector<std::string>& values,
                                 const CallHistory& history) const;

  std::unique_ptr<Store> store_;
  const std::string group_;
  const int rank_;
  const std::vector<int> world_ranks_;
  const std::chrono::milliseconds timeout_;
  const std::function<std::chrono::milliseconds()> while_waiting_;
  std::uint64_t compared_ = 0;
  std::vector<std::string> old_keys_;
  std::map<std::tuple<bool, int, int>, std::uint64_t> messages_;
};

/// "ranks 0, 2" / "rank 1".
std::string ranks_text(const std::vector<int>& ranks);

}  // namespace precinct::parallel
