// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "launch/file_descriptor.h"

namespace precinct::launch {

/// A small process beside the launcher that kills the ranks' process groups, children of ranks
/// included, when the launcher is gone, whatever ended it. It waits for the end of a pipe and does
/// nothing else. Make it before there are threads.
class ProcessGuard {
 public:
  /// Throws DeviceError when the system has no room for another process.
  ProcessGuard();
  /// Ends the guard; groups that it still watches are killed.
  ~ProcessGuard();
  ProcessGuard(const ProcessGuard&) = delete;
  ProcessGuard& operator=(const ProcessGuard&) = delete;
  pid_t pid() const { return pid_; }
  void watch(pid_t group);
  /// Nobody is left in the group: its number may come to others.
  void forget(pid_t group);

  static constexpr int kMaxGroups = 4096;

 private:
  void tell(pid_t message) const;
  pid_t pid_ = -1;
  FileDescriptor pipe_;
};

}  // namespace precinct::launch
