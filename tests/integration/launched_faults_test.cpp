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
  EXPECT_GT(step, 0) << result.err;  // the dead one's last sign of life, up to 0.5 s old
  EXPECT_LE(step, run.step() + 1);
  const std::int64_t at_the_end = step_in_table(result.err, 1 - rank, "exit code 4");
  EXPECT_GE(at_the_end, kStep) << result.err;
  EXPECT_LE(at_the_end, run.step() + 1) << result.err;
  EXPECT_THAT(result.err, ContainsRegex(fmt::format("\nprecinct launch: [^\n]*rank {} [^\n]*{}",
                                                    rank, death.cause)));
  EXPECT_THAT(result.err, Not(HasSubstr("restart ")));
  expect_port_is_free(run);
}

}  // namespace
}  // namespace precinct
