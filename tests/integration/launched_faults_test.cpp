// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A rank of `precinct launch -- precinct train` dies, hangs or is slow: what the launcher reports,
// how soon all are gone, and that slowness alone is no fault. What has to come from inside a rank
// is planted by tests/support/rank_fault.cpp.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <regex>

#include "parallel/store.h"
#include "tests/launch/launched.h"
#include "tests/support/launched_run.h"
#include "tests/support/long_form.h"

namespace precinct {
namespace {

using Clock = std::chrono::steady_clock;
using test::Blow;
using test::LaunchedRun;
using test::run_launched;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// When the planted fault came; the start of the clock when it did not.
Clock::time_point struck_at(const LaunchedRun& run) {
  Clock::rep count = 0;
  std::ifstream(run.notes() / "struck") >> count;
  return Clock::time_point(Clock::duration(count));
}

/// The last step before the planted fault.
std::int64_t last_good_step(const LaunchedRun& run) {
  Clock::rep count = 0;
  std::int64_t step = -1;
  std::string phase;
  std::ifstream(run.notes() / "struck") >> count >> step >> phase;
  return phase == "evaluate" ? step - 1 : step;  // whose checkpoint comes after the scores
}

/// Whether nobody listens at the port where the ranks met.
void expect_port_is_free(const LaunchedRun& run) {
  int port = 0;
  std::ifstream(run.notes() / "port") >> port;
  ASSERT_GT(port, 0);
  const parallel::StoreServer server("127.0.0.1", static_cast<std::uint16_t>(port));
  EXPECT_EQ(server.port(), port);
}

/// The step that the table of ranks gives for a rank with this cause; -1 when it has no such row.
std::int64_t step_in_table(const std::string& err, int rank, const std::string& cause) {
  const std::regex row(
      fmt::format(R"(\n +{}  [^ ]+ +[0-9]+ +[0-9.]+ s +([0-9]+)  {})", rank, cause));
  std::smatch found;
  return std::regex_search(err, found, row) ? std::stoll(found[1]) : -1;
}

/// T7: how a rank ends, by a signal of this test or by what is planted.
struct Death {
  const char* name;
  int signal;
  const char* planted;  // in rank_fault's words, without the step
  const char* cause;    // in the table
  int exit_code;        // of the job
  friend void PrintTo(const Death& death, std::ostream* out) { *out << death.name; }
};

class ARankDies : public testing::TestWithParam<std::tuple<Death, int>> {};
INSTANTIATE_TEST_SUITE_P(
    Deaths, ARankDies,
    testing::Combine(testing::Values(Death{"Killed", SIGKILL, "", "killed by SIGKILL", 4},
                                     Death{"Crashed", SIGSEGV, "", "killed by SIGSEGV", 4},
                                     Death{"Aborted", SIGABRT, "", "killed by SIGABRT", 4},
                                     Death{"Left", 0, "exit step", "exit code 0", 4},
                                     Death{"Threw", 0, "throw step", "exit code 70", 70},
                                     Death{"ThrewInAThread", 0, "terminate step",
                                           "killed by SIGABRT", 4}),
                     testing::Values(0, 1)),
    [](const auto& info) {
      return std::get<0>(info.param).name + std::string("Rank") +
             std::to_string(std::get<1>(info.param));
    });

TEST_P(ARankDies, AllAreGoneWithin5SecondsAndItIsNamed) {
  const auto& [death, rank] = GetParam();
  constexpr std::int64_t kStep = 100;
  LaunchedRun run{.name = fmt::format("{}-{}", death.name, rank),
                  .more = {"--set", "train.global_batch_size=2"},
                  .fault_library = PRECINCT_RANK_FAULT_LIBRARY,
                  .fault_rank = rank};
  if (death.signal == 0) run.fault = fmt::format("{} {}", death.planted, kStep);
  test::JobPipe pipe;
  Blow blow(run, {rank}, death.signal, {death.signal == 0 ? 1 << 30 : kStep});
  const auto result = run_launched(run, blow.watch(), [&] { pipe.hand_down(); });
  const bool left_nothing = pipe.ends_within(std::chrono::seconds(5));
  const auto died_at = death.signal == 0 ? struck_at(run) : blow.struck_at();
  const double seconds = seconds_since(died_at);
  const std::int64_t step = step_in_table(result.err, rank, death.cause);
  std::cout << fmt::format("all gone {:.2f} s after rank {} died at step {} (last told: {})\n",
                           seconds, rank, run.step(), step);
  EXPECT_TRUE(death.signal == 0 || blow.was_struck());
  EXPECT_TRUE(left_nothing);
  EXPECT_LE(seconds, 5.0) << result.err;
  EXPECT_EQ(result.exit_code, death.exit_code) << result.err;
  EXPECT_GE(step, 0) << result.err;  // the dead one's last sign of life, up to 0.5 s old
  EXPECT_LE(step, run.step() + 1);
  const std::int64_t at_the_end = step_in_table(result.err, 1 - rank, "exit code 4");
  EXPECT_GE(at_the_end, kStep) << result.err;
  EXPECT_LE(at_the_end, run.step() + 1) << result.err;
  EXPECT_THAT(result.err, ContainsRegex(fmt::format("\nprecinct launch: [^\n]*rank {} [^\n]*{}",
                                                    rank, death.cause)));
  EXPECT_THAT(result.err, Not(HasSubstr("restart ")));
  expect_port_is_free(run);
}

/// The moment at which the ranks start again.
class NextStart {
 public:
  explicit NextStart(const LaunchedRun& run) : notes_(run.notes()) {
    static_cast<void>(run.words());  // makes the folder
    watch_.emplace(std::vector<std::filesystem::path>{notes_});
  }
  test::Watch watch() {
    return {watch_->file(), [this] {
              for (const auto& name : watch_->names())
                if (name == "port" && std::filesystem::exists(notes_ / "struck") && !at)
                  at = Clock::now();
              return 0;
            }};
  }
  std::optional<Clock::time_point> at;

 private:
  const std::filesystem::path notes_;
  std::optional<test::FolderWatch> watch_;
};

/// T8: a loader sleeps for ever; 2 runs, 20 in the long form. The bound is that of
/// docs/parallel.md: two heartbeats (1 s), or 8 x p99 of the phase, after the last progress.
TEST(ALoaderThatSleeps, IsNamedWithItsPhaseInTimeAndTheRestartChangesNoBit) {
  test::Draw draw;
  for (int round = 0; round < (test::is_long_form() ? 20 : 2) && !HasFailure(); ++round) {
    const int rank = round % 2;
    const std::int64_t batch = 6 + draw.below(14);
    const LaunchedRun run{.name = fmt::format("asleep-{}", round),
                          .max_restarts = 1,
                          .fault = fmt::format("hold {}", batch),
                          .fault_library = PRECINCT_RANK_FAULT_LIBRARY,
                          .fault_rank = rank};
    NextStart next(run);
    const auto result = run_launched(run, next.watch());
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::regex form(
        fmt::format("launch: rank {} \\([^\n]*expected to join [^\n]* found it "
                    "without progress in phase data of step [0-9]+ for ([0-9.]+) s "
                    "\\(usual: up to ([-0-9.e]+) s\\)[^\n]*; restart 1 of 1",
                    rank));
    std::smatch found;
    ASSERT_TRUE(std::regex_search(result.err, found, form)) << result.err;
    const double idle = std::stod(found[1]), usual = std::stod(found[2]);
    const double bound = std::max(2.0, 8 * usual);
    ASSERT_TRUE(next.at);
    const double seconds = std::chrono::duration<double>(*next.at - struck_at(run)).count();
    std::cout << fmt::format(
        "seed {}: rank {}, batch {}: noticed after {} s (bound {:.2f} s), started again "
        "after {:.2f} s\n",
        draw.seed, rank, batch, idle, bound, seconds);
    EXPECT_GE(idle, bound - 0.1);
    EXPECT_LE(idle, bound + 1);  // a look every half heartbeat, at signs of life of that age
    EXPECT_LE(seconds, bound + 1 + 5 + 1);  // all end in 5 s; the launcher's pause
    test::expect_same_as_undisturbed(run);
  }
}

/// Its twin: the same rule, ten times as strict, and one rank now and then 5 x slower than its
/// mean.
TEST(SlowSteps, FiveTimesSlowerThanTheMeanAreNoAlarm) {
  for (const int rank : {0, 1}) {
    const LaunchedRun run{
        .name = fmt::format("slow-{}", rank),
        .more = {"--set", "parallel.heartbeat_seconds=0.1", "--set", "train.global_batch_size=4",
                 "--set",
                 "parallel.bucket_mb=1"},  // a step that computes longer waits less for data
        .fault = "slow 40 20 255",         // the mean is 51 ms, two heartbeats are 200
        .fault_library = PRECINCT_RANK_FAULT_LIBRARY,
        .fault_rank = rank};
    const auto result = run_launched(run);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("expected to join")));
    EXPECT_GT(struck_at(run), Clock::time_point()) << "no step was slow";
  }
}

/// T9 after the calls that are compared one by one: what one of two training ranks does with an
/// all_reduce of its gradients, in rank_fault's words.
class CallsDiffer : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Ways, CallsDiffer, testing::Values("skip", "swap", "bend", "cut"),
                         [](const auto& info) { return std::string(info.param); });

/// dp ranks must have equal weights: rank 0's are saved.
TEST(RanksThatDrift, AreFoundBeforeACheckpointAndNothingWrongIsSaved) {
  const LaunchedRun run{.name = "drift",
                        .fault = "drift 60",
                        .fault_library = PRECINCT_RANK_FAULT_LIBRARY,
                        .fault_rank = 1};
  const auto result = run_launched(run);
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_LE(run.saved_step(), last_good_step(run)) << result.err;
  for (const int rank : {0, 1})
    EXPECT_THAT(result.err,
                ContainsRegex(fmt::format("\\[rank {}\\] precinct: [^\n]*tensor '[^\n]*' "
                                          "before step [0-9]+ is saved: expected the "
                                          "same bytes on all ranks of ",
                                          rank)));
}

/// The job's last line, or each rank's where all found it before the call was made, has both calls.
void expect_both_sides(const std::string& err) {
  const std::regex form(
      R"(call #\d+(?::[^\n]*found| is) ([^\n;]*\[[0-9, ]*\] float\d+) on rank [01] and ([^\n;]*\[[0-9, ]*\] float\d+) on rank [01];)");
  std::smatch found;
  const std::string last = err.substr(err.rfind('\n', err.size() - 2) + 1);
  if (std::regex_search(last, found, form)) {
    EXPECT_NE(found[1], found[2]) << err;
    return;
  }
  for (const int rank : {0, 1}) {
    const auto at = err.find(fmt::format("[rank {}] precinct: ", rank));
    ASSERT_NE(at, std::string::npos) << err;
    const std::string line = err.substr(at, err.find('\n', at) - at);
    ASSERT_TRUE(std::regex_search(line, found, form)) << err;
    EXPECT_NE(found[1], found[2]) << err;
  }
}

/// 2 places of each kind, 20 in the long form; heartbeats of 1 s.
TEST_P(CallsDiffer, InTrainingEndWithBothSidesNamedAndNothingWrongIsSaved) {
  test::Draw draw;
  for (int round = 0; round < (test::is_long_form() ? 20 : 2) && !HasFailure(); ++round) {
    const std::int64_t call = 21 + draw.below(150);
    const int rank = round % 2;
    const LaunchedRun run{.name = fmt::format("{}-{}", GetParam(), round),
                          .more = {"--set", "train.global_batch_size=2"},
                          .fault = fmt::format("{} {}", GetParam(), call),
                          .fault_library = PRECINCT_RANK_FAULT_LIBRARY,
                          .fault_rank = rank};
    const auto result = run_launched(run);
    const double seconds = seconds_since(struck_at(run));
    const std::int64_t good = last_good_step(run);
    std::cout << fmt::format(
        "seed {}: {} call {} on rank {}, after step {}: ended in {:.2f} s, step {} is saved\n",
        draw.seed, GetParam(), call, rank, good, seconds, run.saved_step());
    EXPECT_EQ(result.exit_code, 4) << result.err;
    EXPECT_LE(seconds, 20.0);
    EXPECT_LE(run.saved_step(), good) << result.err;
    expect_both_sides(result.err);
  }
}

}  // namespace
}  // namespace precinct
