// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace precinct::parallel {
class JobLife;
}

namespace precinct::launch {

/// What a launcher tells the ranks of one start of a job, and reads from them, in the job's store.
/// It never fails: programs that are none of ours write nothing there, and a store that does not
/// answer within 2 s is not asked again.
class JobWatch {
 public:
  /// Knows nothing.
  JobWatch();
  JobWatch(std::string address, std::uint16_t port, std::int64_t restart_count);
  ~JobWatch();
  JobWatch(JobWatch&&) noexcept;
  JobWatch& operator=(JobWatch&&) = delete;

  /// A rank was stopped by a signal, or goes on.
  void set_held(std::int64_t rank, bool is_held);
  /// The job has ended: what is asked from now on goes over a new connection, since c10d prints a
  /// stack for an old one whose store is gone.
  void renew();
  /// What the ranks found: who hangs, which calls differ; empty when nothing.
  std::string verdict();
  /// -1 when the rank said none.
  std::int64_t last_step(std::int64_t rank);
  /// For the agent of a rank that has ended, when it holds the store: returns when no other rank
  /// will ask it again, at the latest after a time that is shorter when the job failed.
  void leave_last(std::int64_t rank, std::int64_t world_size, bool is_well);

 private:
  template <typename Body>
  void with_life(const Body& body);

  std::string address_;
  std::uint16_t port_ = 0;
  std::int64_t restart_count_ = 0;
  bool is_silent_ = true;
  std::unique_ptr<parallel::JobLife> life_;
};

}  // namespace precinct::launch
