// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "launch/file_descriptor.h"

namespace precinct::launch {

/// One process that the launcher started, the leader of a process group of its own, with nothing on
/// its standard input. The kernel kills it when the thread that started it ends. The destructor
/// kills what is left of the group.
class RankProcess {
 public:
  /// `command[0]` is a path. `cores`: where it may run, empty for anywhere. Signals are as a new
  /// program expects them, whatever the launcher does with its own. Throws ConfigError when the
  /// program cannot be executed, DeviceError when the system has no room for another process.
  RankProcess(const std::vector<std::string>& command, const std::vector<std::string>& environment,
              const std::vector<int>& cores);
  ~RankProcess();
  RankProcess(RankProcess&& other) noexcept;
  RankProcess& operator=(RankProcess&&) = delete;

  pid_t pid() const { return pid_; }
  /// What it writes; both do not block and end with the last process that holds them.
  FileDescriptor& out() { return out_; }
  FileDescriptor& err() { return err_; }
  /// To the whole group. False when nobody is left in it.
  bool send(int signal) const;
  /// Somebody else has waited for the leader.
  void set_reaped() { is_reaped_ = true; }

 private:
  pid_t pid_ = -1;
  bool is_reaped_ = false;
  FileDescriptor out_, err_;
};

/// Path of a program: `name` itself with a slash in it, else looked for on PATH. Throws ConfigError
/// when there is none that may be executed.
std::string find_program(const std::string& name);

}  // namespace precinct::launch
