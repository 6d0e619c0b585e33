// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// The command as a user runs it, with real processes.
#include "launch/supervisor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "base/atomic_file.h"
#include "parallel/store.h"
#include "tests/launch/launched.h"

namespace precinct::launch {
namespace {

namespace fs = std::filesystem;
using test::launch_script;
using test::Launched;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Stays until it is killed.
const std::string kHold = "exec tail -f /dev/null";

TEST(Launch, RanksKnowTheirPlaceAndMeetAtOnePort) {
  const auto job = launch_script(
      {"--nproc", "3"},
      "echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE $MASTER_ADDR:$MASTER_PORT");
  EXPECT_EQ(job.result.exit_code, 0);
  EXPECT_EQ(job.result.err, "");
  auto lines = lines_of(job.result.out);
  std::sort(lines.begin(), lines.end());
  ASSERT_EQ(lines.size(), 3U);
  std::smatch first, other;
  for (std::size_t r = 0; r < 3; ++r) {
    const std::regex form("\\[rank " + std::to_string(r) + "\\] " + std::to_string(r) + "/3 " +
                          std::to_string(r) + "/3 127.0.0.1:([1-9][0-9]*)");
    ASSERT_TRUE(std::regex_match(lines[r], r == 0 ? first : other, form)) << lines[r];
    EXPECT_EQ((r == 0 ? first : other)[1].str(), first[1].str());
  }
  EXPECT_TRUE(job.left_nothing);
}

TEST(Launch, LinesStayWholeAndInOrder) {
  const auto job = launch_script(
      {"--nproc", "4"},
      "i=0; while [ $i -lt 500 ]; do printf 'line '; printf \"$i of \"; echo rank $RANK; "
      "echo error $i >&2; i=$((i+1)); done; printf 'no end of line'");
  EXPECT_EQ(job.result.exit_code, 0);
  std::vector<int> next(4, 0), next_error(4, 0), ends(4, 0);
  const std::regex form(R"(\[rank ([0-3])\] (?:line (\d+) of rank ([0-3])|(no end of line)))");
  for (const auto& line : lines_of(job.result.out)) {
    std::smatch parts;
    ASSERT_TRUE(std::regex_match(line, parts, form)) << line;
    const auto rank = static_cast<std::size_t>(std::stoi(parts[1]));
    if (parts[4].matched) {
      ++ends[rank];
      continue;
    }
    EXPECT_EQ(parts[1], parts[3]);
    EXPECT_EQ(std::stoi(parts[2]), next[rank]++);
  }
  const std::regex error_form(R"(\[rank ([0-3])\] error (\d+))");
  for (const auto& line : lines_of(job.result.err)) {
    std::smatch parts;
    ASSERT_TRUE(std::regex_match(line, parts, error_form)) << line;
    EXPECT_EQ(std::stoi(parts[2]), next_error[static_cast<std::size_t>(std::stoi(parts[1]))]++);
  }
  EXPECT_EQ(next, std::vector<int>(4, 500));
  EXPECT_EQ(next_error, std::vector<int>(4, 500));
  EXPECT_EQ(ends, std::vector<int>(4, 1));
}

/// T7 of the fault table, at the launcher: how a rank ends, what its cause is called, the job's
/// code.
struct Fault {
  const char* name;
  const char* how;
  const char* cause;
  int exit_code;
  friend void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }
};

class LaunchFault : public testing::TestWithParam<std::tuple<Fault, int>> {};

TEST_P(LaunchFault, EndsAllRanksWithin5SecondsAndIsNamed) {
  const auto& [fault, rank] = GetParam();
  // the other ranks ignore SIGTERM and have children that do; the one at fault waits for them
  const std::string script =
      "trap '' TERM\n(exec tail -f /dev/null) &\n: > $1/$RANK; echo r >&9\n"
      "if [ $RANK = " +
      std::to_string(rank) +
      " ]; then\n"
      "  until [ -e $1/0 ] && [ -e $1/1 ] && [ -e $1/2 ]; do :; done\n"
      "  trap - TERM; echo last words; " +
      fault.how + "\nfi\n" + kHold;
  const auto job = launch_script({"--nproc", "3"}, script, 6);
  EXPECT_LE(job.seconds, 5.0);
  EXPECT_EQ(job.result.exit_code, fault.exit_code) << job.result.err;
  EXPECT_TRUE(job.left_nothing);
  const std::string number = std::to_string(rank);
  EXPECT_THAT(job.result.err,
              ContainsRegex("\n +" + number + "  [^\n]*" + fault.cause + " +last words\n"));
  EXPECT_THAT(job.result.err, ContainsRegex("launch: rank " + number + " \\([^\n]*, pid [0-9]+\\)" +
                                            ": expected exit code 0, found " + fault.cause +
                                            " after [0-9.]+ s; [^\n]*\n$"));
  EXPECT_THAT(job.result.err, HasSubstr("killed by SIGKILL, ended by the launcher"));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, LaunchFault,
    testing::Combine(testing::Values(Fault{"Killed", "kill -KILL $$", "killed by SIGKILL", 4},
                                     Fault{"Crashed", "kill -SEGV $$", "killed by SIGSEGV", 4},
                                     Fault{"Aborted", "kill -ABRT $$", "killed by SIGABRT", 4},
                                     Fault{"Numeric", "exit 5", "exit code 5", 5},
                                     Fault{"LostAPeer", "exit 4", "exit code 4", 4},
                                     Fault{"OfAnotherProgram", "exit 1", "exit code 1", 1}),
                     testing::Values(0, 2)),
    [](const auto& info) {
      return std::get<0>(info.param).name + std::string("Rank") +
             std::to_string(std::get<1>(info.param));
    });

TEST(Launch, TheRankAtFaultMaySayWhyAfterAnotherLostIt) {
  const auto job = launch_script({"--nproc", "2"},
                                 "if [ $RANK = 1 ]; then echo $$ > $1/pid; exit 4; fi\n"
                                 "until [ -s $1/pid ]; do :; done\n"
                                 "while [ -e /proc/$(cat $1/pid) ]; do :; done\n"
                                 "echo not finite; exit 5");
  EXPECT_EQ(job.result.exit_code, 5);
  EXPECT_THAT(job.result.err, HasSubstr("launch: rank 0 "));
  EXPECT_THAT(job.result.err, HasSubstr("not finite"));
}

TEST(Launch, TermComesBeforeKillAndTheGraceCanBeChosen) {
  const auto job = launch_script({"--nproc", "2", "--grace", "50"},
                                 "if [ $RANK = 1 ]; then\n"
                                 "  until [ -e $1/ready ]; do :; done; exit 3\nfi\n"
                                 "trap 'echo told; exit 0' TERM; : > $1/ready\n"
                                 "tail -f /dev/null & wait");
  EXPECT_EQ(job.result.exit_code, 3);
  EXPECT_THAT(job.result.out, HasSubstr("[rank 0] told\n"));
  EXPECT_LE(job.seconds, 20);
  EXPECT_TRUE(job.left_nothing);
}

TEST(Launch, ARankThatIsHeldIsNamed) {
  const auto job = launch_script(
      {"--nproc", "2"},
      "if [ $RANK = 1 ]; then echo $$ > $1/pid; kill -STOP $$; fi\n"
      "until [ -s $1/pid ] && grep -q 'State:.T' /proc/$(cat $1/pid)/status; do :; done; exit 4");
  EXPECT_EQ(job.result.exit_code, 4);
  EXPECT_THAT(job.result.err, ContainsRegex("rank 1 \\(pid [0-9]+\\) was stopped by a signal"));
  EXPECT_THAT(job.result.err, HasSubstr("(rank 1 was held by SIGSTOP)"));
  EXPECT_TRUE(job.left_nothing);
}

TEST(Launch, AKilledLauncherTakesRanksAndTheirChildrenAlong) {
  const auto job = launch_script({"--nproc", "2"},
                                 "trap '' TERM HUP INT; (exec tail -f /dev/null) &\n"
                                 "echo r >&9; [ $RANK = 0 ] || " +
                                     kHold +
                                     "\n"
                                     ": > $1/a; kill -KILL $PPID; " +
                                     kHold);
  EXPECT_EQ(job.result.exit_code, 128 + SIGKILL);
  EXPECT_TRUE(job.left_nothing);
}

TEST(Launch, DaemonsOfRanksDoNotOutliveTheJob) {
  const auto job = launch_script({}, "setsid tail -f /dev/null & echo started");
  EXPECT_EQ(job.result.exit_code, 0);
  EXPECT_TRUE(job.left_nothing);
}

/// A shell that ends with `exec` leaves the launcher what it has started: a reader of its output.
TEST(Launch, WhatItsShellHadStartedIsLeftAlone) {
  test::TemporaryFolder folder;
  const auto result = test::run_program(
      {"/bin/bash", "-c",
       fmt::format("exec {} launch --nproc 2 -- sh -c 'exit 3' > >(sleep 1; cat > {}; : > {}) 2>&1",
                   test::precinct_program(), (folder / "out").string(),
                   (folder / "end").string())});
  EXPECT_EQ(result.exit_code, 3);
  for (int i = 0; i < 200 && !std::filesystem::exists(folder / "end"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_TRUE(std::filesystem::exists(folder / "end"));
  EXPECT_THAT(read_file(folder / "out"), HasSubstr("exit code 3"));
}

TEST(LaunchRestart, SucceedsAtTheSecondTryAndLogsBoth) {
  test::TemporaryFolder logs;
  const auto job =
      launch_script({"--nproc", "2", "--max-restarts", "3", "--log-dir", (logs / "a/b").string()},
                    "echo start $TORCHELASTIC_RESTART_COUNT of $TORCHELASTIC_RUN_ID\n"
                    "if [ $RANK$TORCHELASTIC_RESTART_COUNT = 10 ]; then kill -KILL $$; fi\n"
                    "[ $TORCHELASTIC_RESTART_COUNT = 1 ] || " +
                        kHold);
  EXPECT_EQ(job.result.exit_code, 0) << job.result.err;
  EXPECT_THAT(job.result.err, ContainsRegex("rank 1 [^\n]*; restart 1 of 3 in 1.0 s\n$"));
  const std::string log = read_file(logs / "a/b/rank-1.log");
  std::smatch parts;
  const std::regex form(
      "--- precinct launch: start 1, rank 1, pid \\d+, \\S+\nstart 0 of (\\S+)\n"
      "--- precinct launch: start 2, rank 1, pid \\d+, \\S+\nstart 1 of (\\S+)\n");
  ASSERT_TRUE(std::regex_match(log, parts, form)) << log;
  EXPECT_EQ(parts[1], parts[2]);  // one job
  EXPECT_TRUE(job.left_nothing);
}

TEST(LaunchRestart, EndsWithTheCodeWhenNoneIsLeft) {
  const auto job = launch_script({"--nproc", "2", "--max-restarts", "1"}, "echo r >&9; exit 4");
  EXPECT_EQ(job.result.exit_code, 4);
  EXPECT_EQ(job.told, "r\nr\nr\nr\n");
  EXPECT_THAT(job.result.err, HasSubstr("no restart is left of 1"));
}

TEST(LaunchRestart, IsNotTriedWhenItCannotHelp) {
  for (const int code : {2, 3, 5, 6, 7, 8, 70, 75}) {
    const auto job =
        launch_script({"--max-restarts", "2"}, "echo r >&9; exit " + std::to_string(code));
    EXPECT_EQ(job.result.exit_code, code);
    EXPECT_EQ(job.told, "r\n") << code;
  }
}

TEST(LaunchRestart, ASignalCutsThePauseShort) {
  test::TemporaryFolder folder;
  const auto result = test::run_program(
      {"/bin/sh", "-c",
       "mkfifo $1/err; $0 launch --max-restarts 3 -- sh -c 'echo r; exit 4' 2> $1/err & P=$!\n"
       "while read -r line; do echo \"$line\" >&2\n"
       "  case $line in *'restart 2 of 3 in 2.0 s') kill -TERM $P;; esac\n"
       "done < $1/err\nwait $P",
       test::precinct_program(), folder.path().string()},
      60'000);
  EXPECT_EQ(result.exit_code, 75) << result.err;
  EXPECT_EQ(result.out, "[rank 0] r\n[rank 0] r\n");
  EXPECT_THAT(result.err, HasSubstr("SIGTERM came before the restart"));
}

struct Passed {
  const char* name;
  int number;
  const char* as = nullptr;  // what the ranks get, when it is another one
  friend void PrintTo(const Passed& passed, std::ostream* out) { *out << passed.name; }
};

class LaunchSignal : public testing::TestWithParam<Passed> {};

TEST_P(LaunchSignal, GoesToAllRanksWhichSaveAndEndWith75) {
  const Passed& passed = GetParam();
  const std::string trapped = passed.as == nullptr ? passed.name : passed.as;
  const auto job =
      launch_script({"--nproc", "2", "--max-restarts", "3"},
                    "trap 'echo saved by " + trapped + "; exit 75' " + trapped +
                        "\n: > $1/$RANK\n"
                        "if [ $RANK = 1 ]; then until [ -e $1/0 ]; do :; done; kill -" +
                        passed.name + " $PPID; fi\nwhile :; do :; done");
  EXPECT_EQ(job.result.exit_code, 75) << job.result.err;
  for (const char* rank : {"0", "1"})
    EXPECT_THAT(job.result.out,
                HasSubstr("[rank " + std::string(rank) + "] saved by " + trapped + "\n"));
  EXPECT_THAT(job.result.err, HasSubstr("SIG" + std::string(passed.name) + " came"));
  EXPECT_THAT(job.result.err, HasSubstr("stopped on request after saving"));
}

TEST_P(LaunchSignal, IsTheCodeOfRanksThatDoNotCatchIt) {
  const Passed& passed = GetParam();
  const auto job =
      launch_script({"--nproc", "2", "--max-restarts", "3"},
                    "[ $RANK = 0 ] || kill -" + std::string(passed.name) + " $PPID\n" + kHold);
  EXPECT_EQ(job.result.exit_code, 128 + passed.number) << job.result.err;
  EXPECT_TRUE(job.left_nothing);
}

INSTANTIATE_TEST_SUITE_P(Signals, LaunchSignal,
                         testing::Values(Passed{"INT", SIGINT}, Passed{"TERM", SIGTERM},
                                         Passed{"USR1", SIGUSR1}, Passed{"HUP", SIGHUP, "TERM"}),
                         [](const auto& info) { return info.param.name; });

TEST(LaunchSignals, TheSecondRequestEndsRanksThatDoNotListen) {
  const auto job = launch_script({"--nproc", "2"},
                                 "trap '' INT TERM; : > $1/$RANK\n"
                                 "if [ $RANK = 0 ]; then until [ -e $1/1 ]; do :; done; kill -INT "
                                 "$PPID; kill -TERM $PPID; fi\n" +
                                     kHold);
  EXPECT_EQ(job.result.exit_code, 128 + SIGTERM) << job.result.err;
  EXPECT_THAT(job.result.err, HasSubstr("killed by SIGKILL, ended by the launcher"));
  EXPECT_TRUE(job.left_nothing);
}

/// The launcher holds the store that the ranks need; they are in groups of their own, which Ctrl-Z
/// does not reach.
TEST(LaunchSignals, CtrlZIsNotFollowed) {
  const auto job = launch_script({}, "kill -TSTP $PPID; echo went on");
  EXPECT_EQ(job.result.exit_code, 0) << job.result.err;
  EXPECT_EQ(job.result.out, "[rank 0] went on\n");
  EXPECT_THAT(job.result.err, HasSubstr("SIGTSTP came (Ctrl-Z) and is not followed"));
}

TEST(LaunchSignals, AChildThatSavesAfterItsShellDiedIsWaitedFor) {
  const auto job = launch_script(
      {},
      "sh -c 'trap \"until ! kill -0 $1 2>/dev/null; do :; done; echo saved >&9; exit 75\" TERM\n"
      "kill -TERM $0; while :; do :; done' $PPID $$; true");
  EXPECT_EQ(job.result.exit_code, 128 + SIGTERM) << job.result.err;
  EXPECT_EQ(job.told, "saved\n");
}

/// The program of tests/launch/rank_program.cpp.
std::string rank_program() { return std::string(PRECINCT_BINARY_DIR) + "/bin/launch_rank"; }

TEST(LaunchedWorld, TwoRanksMeetAndAddTheirNumbers) {
  const auto job = launch_script({"--nproc", "2"}, "exec " + rank_program());
  EXPECT_EQ(job.result.exit_code, 0) << job.result.err;
  for (const char* rank : {"0", "1"})
    EXPECT_THAT(job.result.out, HasSubstr("[rank " + std::string(rank) + "] sum 3 over 2\n"));
}

TEST(LaunchedWorld, ARankKilledAmidTheJobEndsItAndTheNextStartMeetsAnew) {
  const auto job =
      launch_script({"--nproc", "2", "--max-restarts", "1"}, "exec " + rank_program() + " 1");
  EXPECT_EQ(job.result.exit_code, 0) << job.result.err;
  EXPECT_THAT(job.result.err, ContainsRegex("launch: rank 1 [^\n]* killed by SIGKILL"));
  for (const char* rank : {"0", "1"})
    EXPECT_THAT(job.result.out, HasSubstr("[rank " + std::string(rank) + "] sum 3 over 2\n"));
}

/// T9 after the calls that are compared one by one: Gloo ends a process that gets another size.
TEST(LaunchedWorld, CallsOfOtherSizesAreNamedOnBothSides) {
  const auto job = launch_script({"--nproc", "2"}, "exec " + rank_program() + " reshape");
  EXPECT_EQ(job.result.exit_code, 4) << job.result.err;
  EXPECT_THAT(job.result.out, testing::Not(HasSubstr("went through")));
  // a rank that Gloo ends between making the call and waiting for it names it as its last one
  for (const auto& [bytes, numbers] : {std::pair{"16 B", "4"}, {"32 B", "8"}})
    EXPECT_THAT(job.result.err,
                ContainsRegex(fmt::format(
                    "all_reduce #30 [(]world, {0}, sum, .{1}. float32|all_reduce[(]sum[)] .{1}. "
                    "float32 #30 [(]world[)]",
                    bytes, numbers)));
}

TEST(LaunchedWorld, ThePortIsFreeAgainAfterAFailure) {
  const auto job = launch_script({"--nproc", "2"}, "echo $MASTER_PORT; kill -KILL $$");
  EXPECT_EQ(job.result.exit_code, 4);
  const std::regex form(R"(\] (\d+)\n)");
  std::smatch port;
  if (!std::regex_search(job.result.out, port, form)) GTEST_SKIP() << "both died unheard";
  const parallel::StoreServer server("127.0.0.1", static_cast<std::uint16_t>(std::stoi(port[1])));
  EXPECT_EQ(std::to_string(server.port()), port[1]);
}

TEST(LaunchAgent, LeavesTheRanksVariablesAsTheyAre) {
  const auto job = test::run_program(
      {"/usr/bin/env", "RANK=3", "WORLD_SIZE=4", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2",
       "MASTER_ADDR=10.0.0.1", "MASTER_PORT=77", test::precinct_program(), "launch", "--agent",
       "--", "/bin/sh", "-c", "echo $RANK $WORLD_SIZE $MASTER_ADDR $MASTER_PORT; kill -KILL $$"},
      60'000);
  EXPECT_EQ(job.out, "[rank 3] 3 4 10.0.0.1 77\n");
  EXPECT_EQ(job.exit_code, 4);
  EXPECT_THAT(job.err, HasSubstr("launch: rank 3 "));
}

/// Two agents below something that sets the ranks' variables; `$0` is precinct.
test::ProgramResult two_agents(const std::string& command) {
  std::uint16_t port = 0;
  { port = parallel::StoreServer("127.0.0.1", 0).port(); }
  const std::string one =
      "LOCAL_RANK=$RANK LOCAL_WORLD_SIZE=2 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=" +
      std::to_string(port) + " $0 launch --agent -- " + command;
  return test::run_program(
      {"/bin/sh", "-c",
       "export RANK=1; " + one + " & RANK=0; " + one + "; code=$?; wait $! && exit $code",
       test::precinct_program()},
      120'000);
}

TEST(LaunchAgent, OfRankZeroHoldsTheStoreOfAPrecinctAlone) {
  const auto own = two_agents("precinct doctor --timeout 60");
  EXPECT_EQ(own.exit_code, 0) << own.err;
  EXPECT_THAT(own.out, HasSubstr("held by rank 0's agent"));
  const auto other = two_agents("/bin/sh -c 'echo $PRECINCT_AGENT_STORE.'");
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.out, HasSubstr("[rank 0] .\n"));
  const auto alone = two_agents("precinct --version");  // no rank comes: nobody is waited for
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
}

TEST(LaunchedMemory, AKillByTheControlGroupIsCode8WithItsLimit) {
#if defined(__SANITIZE_ADDRESS__)  // the launcher alone takes more than 400 MiB then
  constexpr std::int64_t kLimitMiB = 1536;
  const std::string limit_text = "1.5 GiB";
#else
  constexpr std::int64_t kLimitMiB = 400;
  const std::string limit_text = "400.0 MiB";
#endif
  const fs::path group = "/sys/fs/cgroup/memory/precinct-test-" + std::to_string(::getpid());
  const fs::path root = "/sys/fs/cgroup/precinct-test-" + std::to_string(::getpid());
  std::error_code error;
  const bool v1 = fs::create_directory(group, error);
  const fs::path folder = v1 ? group : root;
  if (!v1) fs::create_directory(folder, error);
  const auto put = [&](const std::string& file, const std::string& text) {
    std::ofstream stream(folder / file);
    stream << text << std::flush;
    return stream.good();
  };
  const auto limit = std::to_string(kLimitMiB << 20);
  const bool is_limited = put(v1 ? "memory.limit_in_bytes" : "memory.max", limit);
  if (!is_limited) {
    fs::remove(folder, error);
    GTEST_SKIP() << "not run: no control group for memory can be made here (it takes root)";
  }
  const auto job =
      test::run_program({test::precinct_program(), "launch", "--nproc", "2", "--max-restarts", "2",
                         "--", "/bin/sh", "-c",
                         "[ $RANK = 1 ] || exec tail -f /dev/null; exec dd if=/dev/zero "
                         "of=/dev/null bs=2000M count=1"},
                        60'000, [&] { put("cgroup.procs", std::to_string(::getpid())); });
  EXPECT_EQ(job.exit_code, 8) << job.err;
  EXPECT_THAT(job.err,
              ContainsRegex("rank 1 [^\n]*killed for want of memory .limit: " + limit_text));
  EXPECT_THAT(job.err, Not(HasSubstr("restart")));
  EXPECT_TRUE(fs::remove(folder, error)) << error.message();
}

TEST(LaunchRefuses, WhatCannotBeStartedInOneLine) {
  struct Case {
    std::vector<std::string> words;
    const char* says;
    int exit_code = 2;
  };
  test::TemporaryFolder folder;
  std::ofstream(folder / "file") << "no folder\n";
  for (const Case& wrong : std::vector<Case>{
           {{"--nproc", "0", "--", "true"}, "--nproc: expected a number of ranks from 1"},
           {{"--nproc", "-2", "--", "true"}, "found -2"},
           {{"--nproc", "many", "--", "true"}, "many"},
           {{"--max-restarts", "-1", "--", "true"}, "--max-restarts"},
           {{"--grace", "-1", "--", "true"}, "--grace"},
           {{"--", "no-such-program-here"}, "'no-such-program-here', which is not on PATH"},
           {{"--", "/etc/passwd"}, "'/etc/passwd', which is no file that may be executed"},
           {{"--nproc", "2", "true"}, "expected '--' before the program, found 'true'"},
           {{"true", "--", "x"}, "x'"},
           {{"--nproc", "2", "--"}, "expected program, found none"},
           {{}, "expected program, found none"},
           {{"--proc", "2", "--", "true"}, "--proc"},
           {{"--agent", "--nproc", "2", "--", "true"}, "--agent"},
           {{"--agent", "--", "true"}, "--agent: expected the variables of a rank"},
           {{"--log-dir", (folder / "file").string(), "--", "true"}, "file", 6}}) {
    std::vector<std::string> words = {test::precinct_program(), "launch"};
    words.insert(words.end(), wrong.words.begin(), wrong.words.end());
    const auto result = test::run_program(words, 60'000);
    EXPECT_EQ(result.exit_code, wrong.exit_code) << wrong.says;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::MatchesRegex("precinct: [^\n]*\n"));
    EXPECT_THAT(result.err, HasSubstr("expected ")) << wrong.says;
    EXPECT_THAT(result.err, HasSubstr(wrong.says));
  }
}

TEST(LaunchRefuses, NothingOfTheProgramsWords) {
  const auto result =
      test::run_program({test::precinct_program(), "launch", "--", "/bin/sh", "-c",
                         "printf '%s|' \"$@\"; echo", "sh", "--nproc", "x", "--", "--help", ""},
                        60'000);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "[rank 0] --nproc|x|--|--help||\n");
}

TEST(Launch, TheWordPrecinctIsThisVeryProgram) {
  const auto result = test::run_program({"/usr/bin/env", "-i", test::precinct_program(), "launch",
                                         "--nproc", "2", "--", "precinct", "--version"},
                                        60'000);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("[rank 1] precinct "));
}

}  // namespace
}  // namespace precinct::launch
