// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launch/job_end.h"
#include "launch/job_watch.h"
#include "launch/memory_kills.h"
#include "launch/output_queue.h"
#include "launch/process_guard.h"
#include "launch/rank_output.h"
#include "launch/rank_process.h"
#include "launch/signal_file.h"

namespace precinct::launch {

/// What the attempts of a job share.
struct JobSurroundings {
  SignalFile& signals;
  ProcessGuard& guard;
  OutputQueue& output;
  JobWatch& watch;
  std::filesystem::path log_dir;         ///< empty: no log files
  std::chrono::milliseconds grace{};     ///< between SIGTERM and SIGKILL
  std::chrono::milliseconds patience{};  ///< for the cause when a rank may only have lost a peer
};

/// One life of all ranks of a job: from their start until no process of theirs is left.
class JobAttempt {
 public:
  JobAttempt(JobSurroundings surroundings, std::vector<RankProcess> processes,
             std::int64_t first_rank, std::int64_t restart_count);
  /// Passes output and signals on, ends all when one fails; returns when all are gone.
  void run();
  std::vector<RankEnd> ends() const;
  /// Last signal that came and was passed on, 0 for none.
  int passed_on() const { return passed_on_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Rank {
    RankProcess process;
    RankOutput output;
    RankEnd end;
    bool has_ended = false;  // its own process; children of it may live on
    Clock::time_point ended_at{};
    bool is_gone = false;  // with all its children
    bool is_held = false;  // by SIGSTOP
  };

  bool is_over() const;
  void wait_for_something();
  void take_signals();
  void pass_on(int signal);
  void reap();
  void note_stop(pid_t pid, bool is_held);
  void on_end(Rank& rank, int code, int signal);
  void end_children_of_ended();
  void end_what_is_due();
  void send_to_all(int signal);
  void close_outputs();
  void say(const std::string& text);
  Rank* rank_of(pid_t pid);
  double seconds() const;

  JobSurroundings around_;
  std::vector<Rank> ranks_;
  MemoryKills memory_;
  std::int64_t memory_kills_;
  Clock::time_point start_;
  std::optional<Clock::time_point> term_at_, kill_at_, last_passed_;
  bool was_told_ = false;
  int passed_on_ = 0;
};

}  // namespace precinct::launch
