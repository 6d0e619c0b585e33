// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/rank_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "launch/process_guard.h"
#include "launch/signal_file.h"
#include "tests/launch/launched.h"

namespace precinct::launch {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// All that comes until the end; fails after 20 s.
std::string text_of(const FileDescriptor& pipe) {
  std::string text;
  for (;;) {
    pollfd file{pipe.number(), POLLIN, 0};
    if (::poll(&file, 1, 20'000) <= 0) {
      ADD_FAILURE() << "no end after: " << text;
      return text;
    }
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(pipe.number(), buffer.data(), buffer.size());
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

int status_of(RankProcess& process) {
  int status = -1;
  EXPECT_EQ(::waitpid(process.pid(), &status, 0), process.pid());
  process.set_reaped();
  return status;
}

TEST(RankProcess, HasItsOwnOutputEnvironmentGroupAndNoInput) {
  RankProcess process(
      {"/bin/sh", "-c", "echo $WORD; echo bad >&2; cat; ps -o pgid= -p $$ | tr -d ' '; exit 7"},
      {"WORD=x y", "PATH=/usr/bin:/bin"}, {});
  EXPECT_EQ(text_of(process.out()), "x y\n" + std::to_string(process.pid()) + "\n");
  EXPECT_EQ(text_of(process.err()), "bad\n");
  EXPECT_EQ(WEXITSTATUS(status_of(process)), 7);
}

TEST(RankProcess, RunsOnItsCores) {
  RankProcess process({"/bin/grep", "Cpus_allowed_list", "/proc/self/status"}, {}, {0});
  EXPECT_EQ(text_of(process.out()), "Cpus_allowed_list:\t0\n");
  status_of(process);
}

TEST(RankProcess, HasTheUsualSignalsWhateverTheLauncherDoesWithIts) {
  const SignalFile signals;
  RankProcess process({"/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"}, {}, {});
  EXPECT_EQ(text_of(process.out()), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  status_of(process);
}

TEST(RankProcess, ItsEndTakesItsChildrenAlong) {
  test::JobPipe alive;
  {
    RankProcess process({"/bin/sh", "-c", "tail -f /dev/null & echo; tail -f /dev/null"},
                        {"PATH=/usr/bin:/bin"}, {});
    pollfd file{process.out().number(), POLLIN, 0};
    ASSERT_EQ(::poll(&file, 1, 20'000), 1);
    EXPECT_TRUE(process.send(0));
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // none is left to be waited for
}

TEST(RankProcess, AFileThatIsNoProgramIsRefusedByName) {
  test::TemporaryFolder folder;
  const std::string path = (folder / "script").string();
  std::ofstream(path) << "#!/no/such/interpreter\n";
  fs::permissions(path, fs::perms::owner_all);
  try {
    RankProcess process({path}, {}, {});
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr(path + ": No such file"));
  }
}

TEST(FindProgram, LooksOnPathUnlessThereIsASlash) {
  EXPECT_EQ(fs::path(find_program("sh")).filename(), "sh");
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  for (const char* name : {"no-such-program-here", "/etc/passwd", "/bin", "./no-such-program"})
    EXPECT_THROW(find_program(name), ConfigError) << name;
}

TEST(SignalFile, SignalsWaitInItAndDoNotInterrupt) {
  SignalFile signals;
  EXPECT_TRUE(signals.take().empty());
  ::raise(SIGTERM);
  ::raise(SIGUSR1);
  pollfd file{signals.number(), POLLIN, 0};
  EXPECT_EQ(::poll(&file, 1, 20'000), 1);
  EXPECT_THAT(signals.take(), testing::UnorderedElementsAre(SIGTERM, SIGUSR1));
  ::raise(SIGHUP);  // what is left is taken along when it goes
}

TEST(ProcessGuard, KillsWhatItWatchesWhenItsOwnerIsGone) {
  RankProcess watched({"/usr/bin/tail", "-f", "/dev/null"}, {}, {});
  RankProcess forgotten({"/usr/bin/tail", "-f", "/dev/null"}, {}, {});
  {
    ProcessGuard guard;
    guard.watch(watched.pid());
    guard.watch(forgotten.pid());
    guard.forget(forgotten.pid());
    EXPECT_EQ(::waitpid(watched.pid(), nullptr, WNOHANG), 0);
  }
  const int status = status_of(watched);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(::waitpid(forgotten.pid(), nullptr, WNOHANG), 0);
}

}  // namespace
}  // namespace precinct::launch
