// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace precinct::test {

/// How a program ended and what it said.
struct ProgramResult {
  int exit_code = 0;  // 128 + n when it was killed by signal n
  std::string out, err;
  long max_rss_kib = 0;  // largest resident memory
};

/// The program `precinct` of this build.
inline std::string precinct_program() { return std::string(PRECINCT_BINARY_DIR) + "/bin/precinct"; }

/// Wakes when `file` is readable; what `signal` then returns is sent to the program, once, unless
/// it is 0.
struct Watch {
  int file = -1;
  std::function<int()> signal;
};

/// Runs a program to its end; `arguments[0]` is its path. `before_exec` runs in the child;
/// `kill_after_ms` >= 0 sends SIGKILL then.
inline ProgramResult run_program(const std::vector<std::string>& arguments, int kill_after_ms = -1,
                                 const std::function<void()>& before_exec = {}, Watch watch = {}) {
  std::array<int, 2> out{}, err{};
  if (::pipe(out.data()) != 0 || ::pipe(err.data()) != 0) throw std::runtime_error("pipe");
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    for (const int end : {out[0], out[1], err[0], err[1]}) ::close(end);
    if (before_exec) before_exec();
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  ProgramResult result;
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  bool killed = kill_after_ms < 0;
  std::array<pollfd, 3> ends{{{watch.file, POLLIN, 0}, {out[0], POLLIN, 0}, {err[0], POLLIN, 0}}};
  while (ends[1].fd >= 0 || ends[2].fd >= 0) {
    const auto past =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    if (!killed && past >= kill_after_ms) {
      ::kill(pid, SIGKILL);
      killed = true;
    }
    ::poll(ends.data(), ends.size(), killed ? -1 : static_cast<int>(kill_after_ms - past));
    if (ends[0].fd >= 0 && ends[0].revents != 0) {
      if (const int signal = watch.signal(); signal != 0) {
        ::kill(pid, signal);
        ends[0].fd = -1;
      }
    }
    for (std::size_t i = 1; i < ends.size(); ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      std::array<char, 4096> buffer{};
      const ssize_t count = ::read(ends[i].fd, buffer.data(), buffer.size());
      if (count > 0) {
        (i == 1 ? result.out : result.err).append(buffer.data(), static_cast<std::size_t>(count));
      } else {
        ::close(ends[i].fd);
        ends[i].fd = -1;
      }
    }
  }
  int status = 0;
  rusage usage{};
  ::wait4(pid, &status, 0, &usage);
  result.max_rss_kib = usage.ru_maxrss;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace precinct::test
