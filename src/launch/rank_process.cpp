// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/rank_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <utility>

#include "base/error.h"

namespace precinct::launch {
namespace fs = std::filesystem;
namespace {

bool may_be_executed(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

/// All that the child needs, made before the fork: after it nothing may be allocated.
struct Start {
  std::vector<char*> argv, envp;
  cpu_set_t cores;
  bool is_pinned = false;
  pid_t launcher = -1;
  int out = -1, err = -1, failure = -1;
};

[[noreturn]] void become(const Start& start) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != start.launcher) ::_exit(127);  // it died before the line above
  for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (start.is_pinned) ::sched_setaffinity(0, sizeof start.cores, &start.cores);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (::dup2(nothing, STDIN_FILENO) >= 0 && ::dup2(start.out, STDOUT_FILENO) >= 0 &&
      ::dup2(start.err, STDERR_FILENO) >= 0)
    ::execve(start.argv[0], start.argv.data(), start.envp.data());
  const int error = errno;
  [[maybe_unused]] const auto count = ::write(start.failure, &error, sizeof error);
  ::_exit(127);
}

/// errno of the child that could not become the program; 0 when it did.
int failure_of(int pipe) {
  int error = 0;
  ssize_t count = 0;
  do {
    count = ::read(pipe, &error, sizeof error);
  } while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof error) ? error : 0;
}

}  // namespace

RankProcess::RankProcess(const std::vector<std::string>& command,
                         const std::vector<std::string>& environment,
                         const std::vector<int>& cores) {
  Pipe out = Pipe::open(), err = Pipe::open(), failure = Pipe::open();
  Start start;
  start.argv = pointers(command);
  start.envp = pointers(environment);
  CPU_ZERO(&start.cores);
  for (const int core : cores) CPU_SET(core, &start.cores);
  start.is_pinned = !cores.empty();
  start.launcher = ::getpid();
  start.out = out.write.number();
  start.err = err.write.number();
  start.failure = failure.write.number();
  const pid_t pid = ::fork();
  if (pid == 0) become(start);
  PRECINCT_CHECK(pid > 0, DeviceError,
                 "{}; expected room for another process; start fewer ranks or raise 'ulimit -u'",
                 errno_text("fork", errno));
  ::setpgid(pid, pid);  // also here: it must be so when this returns
  failure.write.close();
  if (const int error = failure_of(failure.read.number()); error != 0) {
    ::waitpid(pid, nullptr, 0);
    throw ConfigError(fmt::format(
        "launch: expected a program that can be executed, found {}; look at its rights and, for a "
        "script, at its first line",
        errno_text(command.front(), error)));
  }
  pid_ = pid;
  out_ = std::move(out.read);
  err_ = std::move(err.read);
  for (const auto* end : {&out_, &err_}) ::fcntl(end->number(), F_SETFL, O_NONBLOCK);
}

RankProcess::RankProcess(RankProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      is_reaped_(other.is_reaped_),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

RankProcess::~RankProcess() {
  if (pid_ < 0 || is_reaped_) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool RankProcess::send(int signal) const { return ::kill(-pid_, signal) == 0; }

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    PRECINCT_CHECK(may_be_executed(name), ConfigError,
                   "launch: expected a program after '--', found '{}', which is no file that may "
                   "be executed; check the path",
                   name);
    return name;
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::path(folder.empty() ? "." : folder) / name;
    if (may_be_executed(file)) return file.string();
  }
  throw ConfigError(fmt::format(
      "launch: expected a program after '--', found '{}', which is not on PATH; give its path",
      name));
}

}  // namespace precinct::launch
