// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// `precinct train` on two ranks with settings that do not go together, on all ranks or on one: each
// rank ends in time with its code and one line.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/child_process.h"
#include "tests/support/small_project.h"

namespace precinct {
namespace {

using test::Words;

struct Refusal {
  std::string name, on_all, on_rank_1;  // --set of all ranks, and one more of rank 1
  int code;
  std::string names;  // a regular expression in the one line of each rank
};

class RanksRefuse : public testing::TestWithParam<Refusal> {};
INSTANTIATE_TEST_SUITE_P(
    Inputs, RanksRefuse,
    testing::Values(
        Refusal{"DegreesThatDoNotMultiply", "parallel.dp=3", "", 2, "parallel.dp"},
        Refusal{"UnitsNotDivisible", "parallel.tp=2 --set model.hidden=7", "", 2, "parallel.tp"},
        Refusal{"MoreStagesThanLayers", "parallel.pp=2 --set model.layers=0", "", 2,
                "model.layers"},
        Refusal{"DeterministicTensorParallel", "parallel.tp=2 --set train.deterministic=true", "",
                2, "train.deterministic"},
        Refusal{"AnotherConfiguration", "log.every=1", "train.optimizer.lr=0.5", 2,
                "train.optimizer.lr"},
        Refusal{"AnotherLayout", "log.every=1", "parallel.tp=2", 2, "parallel.tp"}),
    [](const auto& info) { return info.param.name; });

TEST_P(RanksRefuse, OnEveryRankInOneLineWithinAMinute) {
  static const test::SmallProject project;
  const Refusal& refusal = GetParam();
  // the shell takes the code, so that the launcher ends nobody
  Words words = {
      test::precinct_program(),
      "launch",
      "--nproc",
      "2",
      "--",
      "/bin/sh",
      "-c",
      fmt::format("more='--set {}'; [ $RANK = 0 ] || [ -z '{}' ] || more=\"$more --set {}\"; "
                  "\"$@\" $more; echo \"ended with $?\" >&2",
                  refusal.on_all, refusal.on_rank_1, refusal.on_rank_1),
      "sh"};
  const Words train = project.train_words("dnn", "refused-" + refusal.name);
  words.insert(words.end(), train.begin(), train.end());
  const auto result = test::run_program(words, 60'000, test::use_one_thread);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (int rank = 0; rank < 2; ++rank) {
    const std::string prefix = fmt::format("[rank {}] ", rank);
    EXPECT_THAT(result.err,
                testing::HasSubstr(prefix + fmt::format("ended with {}\n", refusal.code)));
    std::size_t lines = 0, named = 0;
    std::istringstream all(result.err);
    for (std::string line; std::getline(all, line);) {
      if (!line.starts_with(prefix + "precinct: ")) continue;
      ++lines;
      named += line.find(refusal.names) != std::string::npos;
    }
    EXPECT_EQ(lines, 1U) << result.err;
    EXPECT_EQ(named, 1U) << result.err;
  }
}

}  // namespace
}  // namespace precinct
