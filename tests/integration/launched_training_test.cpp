// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// `precinct launch -- precinct train`: ranks are killed and signalled at random moments, and the
// run ends with the same bits as one that nobody disturbed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/child_process.h"
#include "tests/support/folder_watch.h"
#include "tests/support/small_project.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::Words;
using testing::ContainsRegex;
using testing::HasSubstr;

constexpr int kDeadlineMs = 120'000;

const test::SmallProject& project() {
  static const test::SmallProject project;
  return project;
}

/// The launched command; each rank first leaves its process number in <run>.pids/<rank>.
Words words_of(int num_ranks, const std::string& run, int max_restarts = 0) {
  const fs::path pids = project() / (run + ".pids");
  fs::create_directories(pids);
  fs::create_directories(project() / run / "checkpoints");
  Words words = {test::precinct_program(),
                 "launch",
                 "--nproc",
                 std::to_string(num_ranks),
                 "--max-restarts",
                 std::to_string(max_restarts),
                 "--",
                 "/bin/sh",
                 "-c",
                 "echo $$ > " + pids.string() + "/$RANK; exec \"$@\"",
                 "sh"};
  const Words train = project().train_words("dnn", run, {"--set", "parallel.heartbeat_seconds=1"});
  words.insert(words.end(), train.begin(), train.end());
  return words;
}

ProgramResult run(const Words& words, test::Watch watch = {}) {
  return test::run_program(words, kDeadlineMs, test::use_one_thread, std::move(watch));
}

/// The run of so many ranks that nobody disturbs, made once.
fs::path undisturbed(int num_ranks) {
  static std::map<int, bool> made;
  const std::string name = fmt::format("undisturbed-{}", num_ranks);
  if (!made[num_ranks]) {
    const auto result = run(words_of(num_ranks, name));
    if (result.exit_code != 0) throw std::runtime_error(result.err);
    made[num_ranks] = true;
  }
  return project() / name;
}

void expect_same_run(const std::string& name, int num_ranks) {
  const fs::path found = project() / name, expected = undisturbed(num_ranks);
  for (const char* file : {"artifact/model.safetensors", "artifact/MANIFEST.json", "metrics.jsonl",
                           "evaluation.json", "checkpoints/LATEST", "checkpoints/BEST"})
    EXPECT_TRUE(read_file(found / file) == read_file(expected / file)) << name << "/" << file;
  const std::string text = read_file(expected / "checkpoints/LATEST");
  const std::string latest = text.substr(0, text.find('\n'));  // weights, optimiser, state
  EXPECT_THAT(test::listing(expected / "checkpoints" / latest), testing::SizeIs(testing::Ge(4U)));
  EXPECT_EQ(test::listing(found / "checkpoints" / latest),
            test::listing(expected / "checkpoints" / latest));
}

/// Sends a signal to one rank when its run gets to a step, or to the first save from there on.
class Blow {
 public:
  Blow(std::string run, int rank, int signal, std::int64_t step, bool during_save)
      : run_(std::move(run)),
        rank_(rank),
        signal_(signal),
        step_(step),
        during_save_(during_save),
        watch_({project() / run_, project() / run_ / "checkpoints"}) {}
  /// For run().
  test::Watch watch() {
    return {watch_.file(), [this] {
              for (const auto& name : watch_.names()) strike_when_due(name);
              return 0;
            }};
  }
  bool was_struck() const { return was_struck_; }

 private:
  void strike_when_due(const std::string& name) {
    if (was_struck_) return;
    const bool is_due = during_save_
                            ? name.starts_with(".step-") && std::stoll(name.substr(6)) >= step_
                            : name == "metrics.jsonl" && at() >= step_;
    if (!is_due) return;
    pid_t pid = 0;
    std::ifstream(project() / (run_ + ".pids") / std::to_string(rank_)) >> pid;
    was_struck_ = pid > 0 && ::kill(pid, signal_) == 0;
  }
  std::int64_t at() const { return test::last_step(project() / run_ / "metrics.jsonl").step; }

  std::string run_;
  int rank_, signal_;
  std::int64_t step_;
  bool during_save_, was_struck_ = false;
  test::FolderWatch watch_;
};

struct Random {
  unsigned seed = std::random_device{}();
  std::mt19937 engine{seed};
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(engine() % static_cast<std::uint64_t>(limit));
  }
};

int rounds(int usual, int in_long_form) {
  const char* value = std::getenv("PRECINCT_LONG");
  return value != nullptr && std::string(value) == "1" ? in_long_form : usual;
}

class LaunchedTraining : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, LaunchedTraining, testing::Values(2, 3),
                         [](const auto& info) { return std::to_string(info.param); });

/// T1: 4 of 8 for each number of ranks; 25 of 50 in the long form.
TEST_P(LaunchedTraining, ARankKilledAtARandomMomentChangesNoBit) {
  const int num_ranks = GetParam();
  const std::int64_t steps = test::last_step(undisturbed(num_ranks) / "metrics.jsonl").step;
  Random random;
  for (int round = 0; round < rounds(4, 25) && !HasFailure(); ++round) {
    const std::string name = fmt::format("killed-{}-{}", num_ranks, round);
    const auto words = words_of(num_ranks, name, /*max_restarts=*/2);
    const auto rank = static_cast<int>(random.below(num_ranks));
    const std::int64_t step = 1 + random.below(steps - 6);
    const bool during_save = round % 2 == 1;
    std::cout << fmt::format("seed {}: rank {} at step {}{}\n", random.seed, rank, step,
                             during_save ? ", saving" : "");
    Blow blow(name, rank, SIGKILL, step, during_save);
    const auto result = run(words, blow.watch());
    EXPECT_TRUE(blow.was_struck());
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, ContainsRegex(fmt::format("launch: rank {} [^\n]* killed by SIGKILL "
                                                      "[^\n]*; restart 1 of 2",
                                                      rank)));
    expect_same_run(name, num_ranks);
  }
}

/// T6: the signal comes to one rank; tests/launch has those that come to the launcher.
TEST_P(LaunchedTraining, ASignalSavesOnAllRanksAndTheSameCommandGoesOn) {
  const int num_ranks = GetParam();
  Random random;
  for (const int signal : {SIGTERM, SIGUSR1}) {
    const std::string name = fmt::format("signalled-{}-{}", num_ranks, signal);
    const auto words = words_of(num_ranks, name, /*max_restarts=*/2);
    const auto rank = static_cast<int>(random.below(num_ranks));
    Blow blow(name, rank, signal, 1 + random.below(10), false);
    const auto stopped = run(words, blow.watch());
    EXPECT_TRUE(blow.was_struck());
    EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
    for (int r = 0; r < num_ranks; ++r)
      EXPECT_THAT(stopped.err, ContainsRegex(fmt::format("\\[rank {}\\] precinct: [^\n]*saved step "
                                                         "[0-9]+",
                                                         r)));
    EXPECT_THAT(stopped.err, HasSubstr("stopped on request after saving"));
    const auto ended = run(words);
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
    expect_same_run(name, num_ranks);
  }
}

/// T8: a rank is stopped at a random step; 3 of 6 for each number of ranks, 10 of 20 in the long
/// form. It is named with what it is missing from, all end, and the restart changes no bit.
TEST_P(LaunchedTraining, AStoppedRankIsNamedAndTheRestartChangesNoBit) {
  const int num_ranks = GetParam();
  const std::int64_t steps = test::last_step(undisturbed(num_ranks) / "metrics.jsonl").step;
  Random random;
  for (int round = 0; round < rounds(3, 10) && !HasFailure(); ++round) {
    const std::string name = fmt::format("stopped-{}-{}", num_ranks, round);
    const auto words = words_of(num_ranks, name, /*max_restarts=*/1);
    const auto rank = static_cast<int>(random.below(num_ranks));
    const std::int64_t step = 3 + random.below(steps - 8);
    std::cout << fmt::format("seed {}: rank {} at step {}\n", random.seed, rank, step);
    Blow blow(name, rank, SIGSTOP, step, false);
    const auto result = run(words, blow.watch());
    EXPECT_TRUE(blow.was_struck());
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, ContainsRegex(fmt::format(
                                "launch: rank {} \\([^\n]*expected to join [^\n]* found it "
                                "stopped by a signal in phase [a-z]+ of step "
                                "[0-9]+[^\n]*; restart 1 of 1",
                                rank)));
    expect_same_run(name, num_ranks);
  }
}

TEST(LaunchedTrainingFails, WhenTheConfigurationIsWrongOnceAndWithItsCode) {
  const auto result =
      run({test::precinct_program(), "launch", "--nproc", "2", "--max-restarts", "3", "--",
           "precinct", "train", project().config("dnn"), "--set", "train.epochs=-1"});
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, testing::Not(HasSubstr("restart ")));
}

}  // namespace
}  // namespace precinct
