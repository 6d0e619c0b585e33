// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/signal_file.h"

#include <sys/signalfd.h>

#include <cerrno>

#include "base/error.h"

namespace precinct::launch {

SignalFile::SignalFile() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGTSTP}) ::sigaddset(&set, number);
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) ::sigaddset(&set, SIGHUP);
  file_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  PRECINCT_CHECK(file_.is_open(), IoError,
                 "{}; expected one more file for signals; raise 'ulimit -n'",
                 errno_text("signalfd", errno));
  ::sigprocmask(SIG_BLOCK, &set, &before_);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &pipe_before_);
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;  // where it is ignored, nobody can wait for a child
  ::sigaction(SIGCHLD, &usual, &child_before_);
}

SignalFile::~SignalFile() {
  take();  // what came too late must not end this process now
  ::sigaction(SIGPIPE, &pipe_before_, nullptr);
  ::sigaction(SIGCHLD, &child_before_, nullptr);
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::vector<int> SignalFile::take() {
  std::vector<int> numbers;
  signalfd_siginfo info{};
  while (::read(file_.number(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    numbers.push_back(static_cast<int>(info.ssi_signo));
  return numbers;
}

}  // namespace precinct::launch
