// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace precinct::test {

/// Runs `body(shared)` in a child process, so that a crash or a hang of what it tries is a finding
/// and not the end of the test program. What the child writes into `shared` is seen here after.
/// Returns "" or how the child ended otherwise ("signal 11", "hung for 60 s", ...). Fork before any
/// thread of this process runs.
template <typename Shared>
std::string run_watched(unsigned seconds, Shared& shared,
                        const std::function<void(Shared&)>& body) {
  static_assert(std::is_trivially_copyable_v<Shared>);
  void* page =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::runtime_error("mmap");
  auto* common = new (page) Shared(shared);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork");
  if (pid == 0) {
    ::alarm(seconds);
    int code = 0;
    try {
      body(*common);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      code = 97;
    }
    std::fflush(nullptr);
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  shared = *common;
  ::munmap(page, sizeof(Shared));
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return signal == SIGALRM ? "hung for " + std::to_string(seconds) + " s"
                             : "signal " + std::to_string(signal);
  }
  return WEXITSTATUS(status) == 0 ? "" : "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace precinct::test
