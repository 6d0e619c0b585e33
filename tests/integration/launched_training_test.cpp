// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// `precinct launch -- precinct train`: ranks are killed and signalled at random moments, and the
// run ends with the same bits as one that nobody disturbed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <regex>
#include <set>

#include "tests/support/child_process.h"
#include "tests/support/launched_run.h"
#include "tests/support/long_form.h"

namespace precinct {
namespace {

using namespace std::chrono_literals;
using test::Blow;
using test::LaunchedRun;
using test::run_launched;
using test::undisturbed;
using testing::ContainsRegex;
using testing::HasSubstr;

int rounds(int usual, int in_long_form) { return test::is_long_form() ? in_long_form : usual; }

struct Job {
  std::string model, axis;
  int num_ranks;
  int rounds;  // in the usual form
  std::string name() const { return fmt::format("{}_{}{}", model, axis, num_ranks); }
};

/// T1: a rank is killed while it trains, while a checkpoint is written, and while it resumes after
/// having been killed. 8 of 8 rounds of the dnn, 3 of each other network, 2 of each other axis; 25
/// of each job in the long form.
class LaunchedKills : public testing::TestWithParam<Job> {};
INSTANTIATE_TEST_SUITE_P(Jobs, LaunchedKills,
                         testing::Values(Job{"dnn", "dp", 2, 4}, Job{"dnn", "dp", 3, 4},
                                         Job{"crimenet", "dp", 3, 3}, Job{"gat_tcn", "dp", 3, 3},
                                         Job{"crimenet", "tp", 2, 2}, Job{"gat_tcn", "pp", 2, 2}),
                         [](const auto& info) { return info.param.name(); });

TEST_P(LaunchedKills, AtRandomMomentsChangeNoBit) {
  const Job& job = GetParam();
  const std::int64_t steps =
      test::last_step(undisturbed(job.num_ranks, job.model, job.axis) / "metrics.jsonl").step;
  test::Draw draw;
  for (int round = 0; round < rounds(job.rounds, 25) && !HasFailure(); ++round) {
    const LaunchedRun run{.name = fmt::format("killed-{}-{}", job.name(), round),
                          .num_ranks = job.num_ranks,
                          .model = job.model,
                          .axis = job.axis,
                          .max_restarts = 2};
    const auto rank = static_cast<int>(draw.below(job.num_ranks));
    const test::Moment moment{1 + draw.below(steps - 6), round % 3 == 1};
    Blow blow(run, {rank}, SIGKILL, moment);
    const bool also_resuming = round % 3 == 2;
    const std::array<std::string, 4> signs = {std::to_string(rank), ".lock", "BEST",
                                              "metrics.jsonl"};
    const std::string& sign = signs[static_cast<std::size_t>(draw.below(4))];
    if (also_resuming) blow.again_while_resuming(sign);
    const auto result = run_launched(run, blow.watch());
    std::cout << fmt::format(
        "seed {}: rank {} at step {}{}{}\n", draw.seed, rank, moment.step,
        moment.during_save ? ", saving" : "",
        !also_resuming ? ""
                       : fmt::format(", and resuming at the sign of {}, {} a new step", sign,
                                     blow.was_before_a_new_step() ? "before" : "after"));
    EXPECT_TRUE(blow.was_struck());
    EXPECT_EQ(blow.was_struck_again(), also_resuming);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    for (int n = 1; n <= (also_resuming ? 2 : 1); ++n)
      EXPECT_THAT(result.err, ContainsRegex(fmt::format("launch: rank {} [^\n]* killed by SIGKILL "
                                                        "[^\n]*; restart {} of 2",
                                                        rank, n)));
    test::expect_same_as_undisturbed(run);
  }
}

class LaunchedTraining : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, LaunchedTraining, testing::Values(2, 3),
                         [](const auto& info) { return std::to_string(info.param); });

/// The steps that ranks say they have saved, by rank.
std::map<int, std::int64_t> saved_steps(const std::string& err) {
  std::map<int, std::int64_t> steps;
  const std::regex form(R"(\[rank (\d+)\] precinct: [^\n]*saved step (\d+))");
  for (std::sregex_iterator one(err.begin(), err.end(), form), end; one != end; ++one)
    steps[std::stoi((*one)[1])] = std::stoll((*one)[2]);
  return steps;
}

/// T6: the signal comes to one rank, or to each; tests/launch has those that come to the launcher.
/// 4 moments for each number of ranks, 20 in the long form.
TEST_P(LaunchedTraining, ASignalSavesOnAllRanksAndTheSameCommandGoesOn) {
  const int num_ranks = GetParam();
  const std::int64_t steps = test::last_step(undisturbed(num_ranks) / "metrics.jsonl").step;
  test::Draw draw;
  for (int round = 0; round < rounds(4, 20) && !HasFailure(); ++round) {
    const LaunchedRun run{.name = fmt::format("signalled-{}-{}", num_ranks, round),
                          .num_ranks = num_ranks,
                          .max_restarts = 2};
    const int signal = round % 2 == 0 ? SIGTERM : SIGUSR1;
    std::vector<int> ranks(1, static_cast<int>(draw.below(num_ranks)));
    if (round % 4 >= 2) {
      ranks.resize(static_cast<std::size_t>(num_ranks));
      std::iota(ranks.begin(), ranks.end(), 0);
    }
    const test::Moment moment{1 + draw.below(steps - 8), draw.below(4) == 0};
    Blow blow(run, ranks, signal, moment);
    const auto stopped = run_launched(run, blow.watch());
    const auto seconds =
        std::chrono::duration<double>(Blow::Clock::now() - blow.struck_at()).count();
    const auto saved = saved_steps(stopped.err);
    std::cout << fmt::format(
        "seed {}: {} to {} at step {}{}: saved step {} in {:.2f} s\n", draw.seed,
        ::sigabbrev_np(signal), ranks.size() == 1 ? fmt::format("rank {}", ranks[0]) : "all ranks",
        moment.step, moment.during_save ? ", saving" : "", run.saved_step(), seconds);
    EXPECT_TRUE(blow.was_struck());
    EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
    EXPECT_LE(seconds, 10.0);
    EXPECT_EQ(saved.size(), static_cast<std::size_t>(num_ranks)) << stopped.err;
    for (const auto& [rank, step] : saved) EXPECT_EQ(step, run.saved_step()) << "rank " << rank;
    EXPECT_GE(run.saved_step(), moment.step);
    EXPECT_THAT(stopped.err, HasSubstr("stopped on request after saving"));
    const auto ended = run_launched(run);
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
    test::expect_same_as_undisturbed(run);
  }
}

/// Rank 0 waits for rank 1, which sends it the signal before it comes.
TEST(LaunchedSignal, BeforeTheFirstStepLeavesWithTheFirstSteps) {
  LaunchedRun run{.name = "signalled-early"};
  run.before = fmt::format(
      "if [ $RANK = 1 ]; then\n"
      "until grep -q 'SigCgt:.*[2367abef]..$' /proc/$(cat {0}/0)/status; do sleep 0.02; done\n"
      "kill -USR1 $(cat {0}/0)\n"
      "fi 2>/dev/null\n",
      run.notes().string());
  const auto stopped = run_launched(run);
  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_GE(run.saved_step(), 1);
  EXPECT_LE(run.saved_step(), 2) << "ranks agree while the next step is made";
  run.before.clear();
  const auto ended = run_launched(run);
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  test::expect_same_as_undisturbed(run);
}

TEST(LaunchedManifest, NamesTheProcessOfEachRankAndWhereTheyGotTheirNumbers) {
  const auto manifest = nlohmann::json::parse(read_file(undisturbed(2) / "manifest.json"));
  EXPECT_EQ(manifest.at("ranks_from"), "torchrun");
  ASSERT_EQ(manifest.at("hosts").size(), 2U);
  for (int rank = 0; rank < 2; ++rank) EXPECT_EQ(manifest.at("hosts")[rank].at("rank"), rank);
  EXPECT_EQ(manifest.at("hosts")[0].at("host"), manifest.at("hosts")[1].at("host"));
  EXPECT_NE(manifest.at("hosts")[0].at("process"), manifest.at("hosts")[1].at("process"));
  EXPECT_TRUE(manifest.at("environment").contains("MASTER_PORT"));
}

/// T15: in deterministic mode a run that is killed as 1, 3 and 2 ranks and ends as 4 has the bits
/// of one process that nobody disturbs.
class LaunchedDeterministic : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Networks, LaunchedDeterministic,
                         testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return info.param; });

TEST_P(LaunchedDeterministic, KillsAndOtherNumbersOfRanksChangeNoBit) {
  const std::string& model = GetParam();
  const test::Words deterministic = {"--set", "train.deterministic=true"};
  const LaunchedRun alone{.name = "deterministic-alone-" + model,
                          .num_ranks = 1,
                          .model = model,
                          .more = deterministic};
  const auto undisturbed = run_launched(alone);
  ASSERT_EQ(undisturbed.exit_code, 0) << undisturbed.err;
  const std::int64_t steps = alone.step();
  test::Draw draw;
  for (int round = 0; round < rounds(1, 8) && !HasFailure(); ++round) {
    LaunchedRun run{.name = fmt::format("deterministic-{}-{}", model, round),
                    .model = model,
                    .more = deterministic};
    const std::vector<int> worlds = {1, 3, 2};
    for (std::size_t i = 0; i < worlds.size(); ++i) {
      run.num_ranks = worlds[i];
      const int rank = static_cast<int>(draw.below(run.num_ranks));
      const auto part = (steps - 6) / 3;  // each goes on for a while after the last checkpoint
      const test::Moment moment{static_cast<std::int64_t>(i) * part + 6 + draw.below(part - 5)};
      Blow blow(run, {rank}, SIGKILL, moment);
      const auto result = run_launched(run, blow.watch());
      std::cout << fmt::format("seed {}: rank {} of {} killed at step {}, saved step {}\n",
                               draw.seed, rank, run.num_ranks, moment.step, run.saved_step());
      ASSERT_TRUE(blow.was_struck()) << result.err;
      ASSERT_EQ(result.exit_code, 4) << result.err;
    }
    run.num_ranks = 4;
    const auto ended = run_launched(run);
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
    for (const char* file : {"artifact/model.safetensors", "metrics.jsonl", "evaluation.json"})
      EXPECT_TRUE(read_file(run.folder() / file) == read_file(alone.folder() / file)) << file;
  }
}

/// Threads share a rank's kernels in the same way whatever the number of ranks.
TEST(LaunchedThreads, WithTwoARankOtherNumbersOfRanksChangeNoBit) {
  std::set<std::string> weights;
  for (const int num_ranks : {1, 2, 3}) {
    const LaunchedRun run{.name = fmt::format("two-threads-{}", num_ranks),
                          .num_ranks = num_ranks,
                          .more = {"--set", "train.deterministic=true", "--set", "train.epochs=1",
                                   "--set", "model.hidden=256"}};
    const auto result = run_launched(run, {}, [] { ::setenv("OMP_NUM_THREADS", "2", 1); });
    ASSERT_EQ(result.exit_code, 0) << result.err;
    weights.insert(sha256_file(run.folder() / "artifact/model.safetensors"));
  }
  EXPECT_EQ(weights.size(), 1U);
}

/// T8: a rank is stopped at a random step; 3 of 6 for each number of ranks, 10 of 20 in the long
/// form. It is named with what it is missing from, all end, and the restart changes no bit.
TEST_P(LaunchedTraining, AStoppedRankIsNamedAndTheRestartChangesNoBit) {
  const int num_ranks = GetParam();
  const std::int64_t steps = test::last_step(undisturbed(num_ranks) / "metrics.jsonl").step;
  test::Draw draw;
  for (int round = 0; round < rounds(3, 10) && !HasFailure(); ++round) {
    const LaunchedRun run{.name = fmt::format("stopped-{}-{}", num_ranks, round),
                          .num_ranks = num_ranks,
                          .max_restarts = 1};
    const auto rank = static_cast<int>(draw.below(num_ranks));
    const std::int64_t step = 3 + draw.below(steps - 8);
    std::cout << fmt::format("seed {}: rank {} at step {}\n", draw.seed, rank, step);
    Blow blow(run, {rank}, SIGSTOP, {step});
    const auto result = run_launched(run, blow.watch());
    EXPECT_TRUE(blow.was_struck());
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::regex form(fmt::format(
        "launch: rank {} \\([^\n]*expected to join (all_reduce|all_gather|barrier) #\\d+ [^\n]* "
        "found it stopped by a signal in phase [a-z]+ of step (\\d+) [^\n]*(last call "
        "[a-z_]+|no call yet)[^\n]*; restart 1 of 1",
        rank));
    std::smatch found;
    ASSERT_TRUE(std::regex_search(result.err, found, form)) << result.err;
    // as its last sign of life said, at most half a second before; metrics are a step or two behind
    EXPECT_LE(std::stoll(found[2]), step + 3) << result.err;
    test::expect_same_as_undisturbed(run);
  }
}

/// `--resume never` begins anew once, and not again at each restart: what the first start saved is
/// gone on with.
TEST(LaunchedTrainingAnew, GoesOnInTheFolderThatItBeganWhenARankIsKilled) {
  LaunchedRun run{.name = "anew", .max_restarts = 1, .more = {"--resume", "never"}};
  const std::string begun =
      (test::launched_project() / "anew-2").string();  // `anew` is there already
  run.before = fmt::format(
      "if [ $RANK = 1 ] && [ $TORCHELASTIC_RESTART_COUNT = 0 ]; then (for i in $(seq 1200); do "
      "[ -e {0}/checkpoints/LATEST ] && kill -9 $$ && break; sleep 0.05; done) & fi; ",
      begun);
  const auto result = run_launched(run);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err,
              ContainsRegex("launch: rank 1 [^\n]* killed by SIGKILL [^\n]*; restart 1"));
  EXPECT_THAT(result.err, HasSubstr("resumed from step-"));
  EXPECT_FALSE(std::filesystem::exists(test::launched_project() / "anew-3"));
  LaunchedRun as_begun = run;
  as_begun.name = "anew-2";
  test::expect_same_as_undisturbed(as_begun);
}

/// A run folder that is another one for rank 1, as a local disk of each host is.
TEST(LaunchedTrainingFails, OnAllRanksWhenTheyDoNotSeeOneRunFolder) {
  const auto may_mount =
      test::run_program({"/bin/sh", "-c", "unshare -m sh -c 'mount -t tmpfs tmpfs /mnt' 2>&1"});
  if (may_mount.exit_code != 0)
    GTEST_SKIP() << "not run: a mount of its own for rank 1 needs root: " << may_mount.out;
  LaunchedRun run{.name = "apart"};
  run.before = fmt::format(
      "[ $RANK != 1 ] || exec unshare -m sh -c 'mount -t tmpfs tmpfs {} && exec \"$@\"' sh "
      "\"$@\"; ",
      run.folder().string());
  const auto result = run_launched(run);
  EXPECT_EQ(result.exit_code, 6) << result.err;
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_THAT(result.err, ContainsRegex(fmt::format(
                                "\\[rank {}\\] precinct: [^\n]*apart[^\n]*expected [^\n]*, "
                                "found ",
                                rank)));
  EXPECT_FALSE(std::filesystem::exists(run.metrics())) << "nothing was trained";
}

/// What rank 0 alone finds wrong in mid-run: each rank says the same line and ends with the same
/// code. The shell takes the code, so that the launcher ends nobody.
void expect_all_say(LaunchedRun run, int code, const std::string& line) {
  run.before += "\"$@\"; echo \"ended with $?\" >&2; exit; ";
  const auto result = run_launched(run);
  for (int rank = 0; rank < run.num_ranks; ++rank)
    EXPECT_THAT(result.err, ContainsRegex(fmt::format("\\[rank {0}\\] precinct: {1}\n.*\\[rank "
                                                      "{0}\\] ended with {2}\n",
                                                      rank, line, code)));
}

TEST(LaunchedTrainingFails, OnAllRanksWhenNoCheckpointIsGood) {
  const LaunchedRun run{.name = "all-damaged"};
  const auto checkpoint = run.folder() / "checkpoints" / "step-000000004";
  std::filesystem::create_directories(checkpoint);
  write_file_atomically(checkpoint / "MANIFEST.json", "damaged\n");
  expect_all_say(run, 7,
                 "[^\n]*all-damaged/checkpoints: expected a checkpoint that verifies[^\n]*");
}

TEST(LaunchedTrainingFails, OnAllRanksWhenTheDiskOfRank0TakesNoCheckpoint) {
  LaunchedRun run{.name = "too-large", .more = {"--set", "model.hidden=64"}};
  run.before = "[ $RANK != 0 ] || ulimit -f 24; ";  // 12 KiB a file
  expect_all_say(run, 6, "[^\n]*too-large/checkpoints/[^\n]*File too large[^\n]*");
}

TEST(LaunchedTrainingFails, WhenTheConfigurationIsWrongOnceAndWithItsCode) {
  const auto result =
      run_launched({.name = "wrong", .max_restarts = 3, .more = {"--set", "train.epochs=-1"}});
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, testing::Not(HasSubstr("restart ")));
}

}  // namespace
}  // namespace precinct
