// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/process_guard.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"

namespace precinct::launch {
namespace {

/// What the guard does after the fork: nothing here allocates.
[[noreturn]] void stand_guard(int pipe) {
  ::setsid();  // Ctrl-C is not for it
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::prctl(PR_SET_NAME, "precinct-guard");
  ::dup2(pipe, STDIN_FILENO);
  ::close_range(STDOUT_FILENO, ~0U, 0);
  std::array<pid_t, ProcessGuard::kMaxGroups> groups{};
  auto end = groups.begin();
  for (pid_t message = 0;;) {
    const ssize_t count = ::read(STDIN_FILENO, &message, sizeof message);
    if (count < 0 && errno == EINTR) continue;
    if (count != static_cast<ssize_t>(sizeof message)) break;
    if (message > 0 && end != groups.end())
      *end++ = message;
    else
      end = std::remove(groups.begin(), end, -message);
  }
  for (auto group = groups.begin(); group != end; ++group) ::kill(-*group, SIGKILL);
  ::_exit(0);
}

}  // namespace

ProcessGuard::ProcessGuard() {
  Pipe pipe = Pipe::open();
  pid_ = ::fork();
  if (pid_ == 0) stand_guard(pipe.read.number());
  PRECINCT_CHECK(pid_ > 0, DeviceError, "{}; expected room for another process; raise 'ulimit -u'",
                 errno_text("fork", errno));
  pipe_ = std::move(pipe.write);
}

ProcessGuard::~ProcessGuard() {
  pipe_.close();
  ::waitpid(pid_, nullptr, 0);
}

void ProcessGuard::watch(pid_t group) { tell(group); }
void ProcessGuard::forget(pid_t group) { tell(-group); }

void ProcessGuard::tell(pid_t message) const {
  // less than PIPE_BUF: written whole or, when the guard was killed, not at all
  [[maybe_unused]] const auto count = ::write(pipe_.number(), &message, sizeof message);
}

}  // namespace precinct::launch
