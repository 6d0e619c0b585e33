// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "parallel/job_life.h"
#include "parallel/progress.h"

namespace precinct::parallel {

/// A side thread that tells the other ranks that this one lives and how far it is, and finds out,
/// while this rank waits, which one it waits for in vain: one that hangs, or one whose calls
/// differ. The first rank to find it says so to all; each then gives up its groups with that
/// reason, and ends by itself when it does not come to a call in which it could throw.
class Heartbeat {
 public:
  struct Options {
    std::int64_t rank = 0, world_size = 1;
    std::chrono::milliseconds every = std::chrono::seconds(10);  ///< between signs of life, at most
    std::chrono::milliseconds timeout = std::chrono::seconds(60);  ///< of a collective
    /// After a verdict, for this rank to end by itself; then the process ends with code 4.
    std::chrono::milliseconds patience = std::chrono::seconds(5);
  };
  /// `give_up` is called with the verdict's text, from the side thread.
  Heartbeat(JobLife life, std::shared_ptr<Progress> progress, const Options& options,
            std::function<void(const std::string&)> give_up);
  /// Writes a last sign of life. Does not wait for a store that does not answer.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  class Thread;
  std::shared_ptr<Thread> thread_;
};

}  // namespace precinct::parallel
