// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "parallel/beat.h"
#include "parallel/store.h"

namespace precinct::parallel {

/// What the ranks of a job and their launchers tell each other about who lives, in the job's store.
/// Throws CommError when the store cannot be reached.
class JobLife {
 public:
  /// `store`: a connection of its own to a part of the store that belongs to this start of the job.
  explicit JobLife(std::unique_ptr<Store> store) : store_(std::move(store)) {}
  /// For a launcher or an agent: the life of the job's start `restart_count` in the store at
  /// `address`:`port`.
  static JobLife of_job(const std::string& address, std::uint16_t port, std::int64_t restart_count,
                        std::chrono::milliseconds timeout);
  /// The part of a job's store, which connect() uses too.
  static std::unique_ptr<Store> part_of(Store& job_store) { return job_store.view("life"); }

  void beat(std::int64_t rank, const Beat& beat);
  std::optional<Beat> last_beat(std::int64_t rank);

  /// A launcher sees that its rank was stopped by a signal, or goes on.
  void set_held(std::int64_t rank, bool is_held);
  bool is_held(std::int64_t rank);

  /// Who is at fault, and why: one line (where, expected, found, what to do), said once for all
  /// ranks of a job. The first verdict stands.
  void declare(const std::string& verdict);
  std::optional<std::string> verdict();

  /// A rank has come.
  void say_here();
  /// A rank will not ask the store again.
  void say_gone(std::int64_t rank);
  /// For the holder of the store, which leaves last: returns when all ranks are gone, at the latest
  /// after `limit`; at once when none has come.
  void wait_until_gone(std::int64_t world_size, std::chrono::milliseconds limit);
  static constexpr std::chrono::milliseconds kPatience{5000}, kPatienceAfterAnError{2000};

  /// For ranks that found that their calls differ: asks all for those they keep.
  void ask_for_calls();
  bool calls_are_asked_for();
  void show_calls(std::int64_t rank, const std::string& group, const CallHistory& calls);
  /// Nothing when they have not come within `timeout`.
  std::optional<std::vector<PastCall>> shown_calls(std::int64_t rank, const std::string& group,
                                                   std::chrono::milliseconds timeout);
  /// A rank that must end has shown its calls; the first one that says so stands, so that of two
  /// at once the other one compares.
  void say_left_by(std::int64_t rank);
  std::optional<std::int64_t> left_by();

 private:
  std::unique_ptr<Store> store_;
};

}  // namespace precinct::parallel
