// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "launch/local_launcher.h"

namespace precinct::launch {

struct SupervisorOptions {
  /// How often all ranks are started again after a failure that another try may not meet.
  std::int64_t max_restarts = 0;
  /// Between SIGTERM and SIGKILL for the ranks that are left when one has failed.
  std::chrono::milliseconds grace = std::chrono::seconds(2);
  /// How long the others may go on when a rank ended as one does that lost a peer: the rank at
  /// fault may be about to say why.
  std::chrono::milliseconds patience = std::chrono::milliseconds(1500);
  /// Before the first restart; doubled for each one more, up to 30 s.
  std::chrono::milliseconds pause = std::chrono::seconds(1);
  /// The output of each rank goes to rank-<r>.log here too; empty: nowhere.
  std::filesystem::path log_dir;
  /// Where a reader is told to look when there is no log_dir.
  std::string without_log_dir = "--log-dir keeps its output";
};

/// Runs a job to its end: starts the ranks, passes their output and this process's signals on, ends
/// all of them when one fails, starts them again as often as allowed, and leaves no process behind.
/// What it has to say goes to standard error. Returns the job's exit code (see judge()).
///
/// It takes over signals and children of the process that calls it: for a program that does nothing
/// else. Throws ConfigError, IoError, CommError or DeviceError when the job cannot be started.
int supervise(const LaunchOptions& launch, const SupervisorOptions& options);

}  // namespace precinct::launch
