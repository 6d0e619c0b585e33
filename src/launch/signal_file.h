// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <csignal>
#include <vector>

#include "launch/file_descriptor.h"

namespace precinct::launch {

/// While it lives, the signals that a launcher answers to (children's ends, SIGINT, SIGTERM,
/// SIGHUP, SIGUSR1, SIGTSTP) wait in a file instead of interrupting, and SIGPIPE is ignored. SIGHUP
/// stays ignored where it was (nohup). Make it before there are threads: they take over what is
/// blocked.
class SignalFile {
 public:
  /// Throws IoError when this process has no files left.
  SignalFile();
  ~SignalFile();
  SignalFile(const SignalFile&) = delete;
  SignalFile& operator=(const SignalFile&) = delete;
  /// Readable when a signal has come.
  int number() const { return file_.number(); }
  /// Signals that have come, in no particular order; without waiting.
  std::vector<int> take();

 private:
  FileDescriptor file_;
  sigset_t before_{};
  struct sigaction pipe_before_ {
  }, child_before_{};
};

}  // namespace precinct::launch
