// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "parallel/call_history.h"

namespace precinct::parallel {

/// What this rank is doing: its step and phase, the calls of its groups, and what it waits for.
/// Written by the threads that work, read by the heartbeat's. Cheap enough for every call.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  /// A phase of the work begins ("data", "step", "evaluate", ...); the one before it has ended. How
  /// long a phase usually takes is learnt from this, without the time spent waiting for others.
  void enter(const std::string& phase, std::int64_t step);

  /// A group whose calls others may compare. `id` is alike on its members and on no other group.
  struct Group {
    std::string id, name;
    std::shared_ptr<const CallHistory> calls;
  };
  void add(Group group);
  void remove(const std::string& id);
  std::vector<Group> groups() const;

  /// What this rank waits for.
  struct Awaited {
    std::string call;        ///< "all_reduce #1822 (dp, 3.1 MB, [811008] float32)"
    std::vector<int> ranks;  ///< of the world, that have to join
    /// Of a collective: its group's id and its number there. A rank whose last call of that group
    /// has a smaller number has not made it. 0: a message.
    std::string group{};
    std::uint64_t number = 0;
  };
  /// While it lives, this rank waits. Those inside another one do not count.
  class Wait {
   public:
    Wait(Progress& progress, Awaited awaited);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    Progress& progress_;
  };

  /// How long a phase took, without waiting.
  struct Usual {
    std::int64_t count = 0;  ///< of those that were looked at, the last 256 at most
    double median_s = 0, p99_s = 0;
  };
  /// All of it at one moment.
  struct Snapshot {
    std::int64_t step = 0;
    std::string phase;
    std::uint64_t changes = 0;  ///< rises with every sign of progress
    double idle_s = 0;          ///< since the last one
    bool is_waiting = false;
    double waiting_s = 0;
    Awaited awaited;
    std::map<std::string, Usual> usual;  ///< by phase
  };
  Snapshot snapshot() const;

 private:
  void change();  // under the mutex
  static constexpr std::size_t kDurations = 256;

  mutable std::mutex mutex_;
  std::int64_t step_ = 0;
  std::string phase_ = "start";
  Clock::time_point phase_begin_ = Clock::now(), last_change_ = Clock::now(), wait_begin_;
  std::uint64_t changes_ = 0;
  double waited_s_ = 0, waited_before_phase_s_ = 0;
  int waits_ = 0;
  Awaited awaited_;
  std::vector<Group> groups_;
  std::map<std::string, std::deque<double>> durations_;
};

}  // namespace precinct::parallel
