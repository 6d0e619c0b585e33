// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/dry_run.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/parallel/ranks.h"
#include "tests/support/shared_steps.h"

namespace precinct::train {
namespace {

using testing::HasSubstr;

std::string dry_run_of(config::ExperimentConfig config, std::int64_t world_size) {
  const auto panel = test::small_panel(120);
  return dry_run(config, panel, split_of(config.data, panel.num_bins), world_size);
}

double mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

/// The MiB of a line that begins with `mark` and goes on "<n> messages, <MiB> MiB from this rank".
double foretold_mib(const std::string& text, const std::string& mark) {
  const auto at = text.find(" messages, ", text.find(mark));
  return at == std::string::npos ? -1 : std::stod(text.substr(at + 11));
}

/// What a rank that has taken a step holds, as the dry run words it.
std::string holding(Learner& learner) {
  std::int64_t weights = 0, held = 0;
  for (const auto& [name, tensor] : learner.optimizer().parameters()) {
    weights += static_cast<std::int64_t>(tensor.nbytes());
    held += static_cast<std::int64_t>(tensor.nbytes() + tensor.grad().nbytes());
  }
  for (const auto& [name, tensor] : learner.optimizer().state())
    held += static_cast<std::int64_t>(tensor.nbytes());
  return fmt::format("a rank holds {:.3f} MiB of weights, {:.3f} MiB with gradients and optimiser",
                     mib(weights), mib(held));
}

/// What it foretells is what two real ranks send and hold.
TEST(DryRun, ForetellsWhatRealRanksSendAndHold) {
  test::run_ranks(2, [](parallel::World& world) {
    for (const std::string axis : {"dp", "tp", "pp"}) {
      auto config = test::small_config("gat_tcn");
      (axis == "tp" ? config.parallel.tp : config.parallel.pp) = axis == "dp" ? 1 : 2;
      if (axis == "pp") config.parallel.num_micro_batches = 3;
      const std::string foretold = dry_run_of(config, 2);
      Ranks ranks(world, config);
      const auto panel = test::small_panel(120);
      test::SharedSteps shared(config, panel, ranks);
      auto& group = ranks.mesh().axis(axis);
      const auto before = group.traffic();
      shared.step();
      const auto after = group.traffic();
      constexpr auto kReceived = static_cast<std::size_t>(parallel::Operation::kRecv);
      const auto received = after.by_operation[kReceived] - before.by_operation[kReceived];
      EXPECT_EQ(received > 0, axis == "pp");
      const std::string line = fmt::format("rank {} in one step:\n  {}  {} messages, ",
                                           axis == "pp"   ? world.rank()
                                           : axis == "dp" ? 1
                                                          : 0,
                                           axis, after.calls - before.calls - received);
      EXPECT_THAT(foretold, HasSubstr(line));
      // a rank's traffic counts what it receives, too: what the other stage sends
      double sent = foretold_mib(foretold, line);
      if (axis == "pp")
        sent += foretold_mib(foretold, fmt::format("rank {} in one step:", 1 - world.rank()));
      EXPECT_GT(sent, 0);
      EXPECT_NEAR(sent, mib(after.bytes - before.bytes), 0.001) << axis;
      const auto stage = axis == "pp" ? fmt::format("stage {}: ", world.rank()) : "stage 0: ";
      const auto at = foretold.find(stage);
      EXPECT_THAT(foretold.substr(at, foretold.find('\n', at) - at),
                  HasSubstr(holding(shared.learner())));
    }
  });
}

TEST(DryRun, ShowsStagesMemoryAndScheduleOfManyRanks) {
  auto config = test::small_config("gat_tcn");
  config.train.global_batch_size = 32;
  config.parallel.pp = 3;
  config.parallel.num_micro_batches = 2;
  const std::string text = dry_run_of(config, 24);
  EXPECT_THAT(text, HasSubstr("24 ranks: dp 8 x pp 3 x tp 1\n"));
  EXPECT_THAT(text, HasSubstr("stage 0: input .. "));
  EXPECT_THAT(text, HasSubstr("stage 2: "));
  EXPECT_THAT(text, HasSubstr(" .. output; a rank holds "));
  EXPECT_THAT(text, HasSubstr("MiB a micro-batch to stage 2"));
  EXPECT_THAT(text, HasSubstr("rank 23 in one step:\n  dp  "));
  EXPECT_THAT(text, HasSubstr("1f1b: 3 stages, 2 micro-batches"));
}

TEST(DryRun, TheNumberOfDataParallelRanksMayBeNamed) {
  auto config = test::small_config("dnn");
  config.train.global_batch_size = 30;
  const std::string text = dry_run_of(config, 3);
  config.parallel.dp = 3;
  EXPECT_EQ(dry_run_of(config, 3), text);
}

TEST(DryRun, OneRankSendsNothingAndHasAllWindows) {
  auto config = test::small_config("dnn");
  config.train.global_batch_size = 30;
  const std::string alone = dry_run_of(config, 1);
  EXPECT_THAT(alone, HasSubstr("of a step's 30 windows 30 are rank 0's"));
  EXPECT_THAT(alone, HasSubstr("rank 0 in one step: nothing is sent\n"));
}

TEST(DryRun, ShowsARankThatHasWindowsAndThePartsOfDeterministicMode) {
  auto config = test::small_config("dnn");
  config.train.global_batch_size = 2;
  const std::string few = dry_run_of(config, 3);
  EXPECT_THAT(few, HasSubstr("of a step's 2 windows 1 are rank 2's, in 1 micro-batches"));
  const auto mib_of = [](const std::string& text) {
    const std::string mark = "MiB of weights, ";
    return std::stod(text.substr(text.find(mark) + mark.size()));
  };
  config.train.deterministic = true;
  const std::string parts = dry_run_of(config, 3);  // four of the twelve parts a rank
  EXPECT_THAT(parts, HasSubstr("MiB with gradients of each part and optimiser"));
  // weights, gradients, two moments: 4 become 8
  EXPECT_NEAR(mib_of(parts) / mib_of(few), 2, 0.1);
}

TEST(DryRun, RefusesWhatTheJobWouldRefuse) {
  auto config = test::small_config("dnn");
  config.parallel.tp = 3;
  EXPECT_THAT(test::error_of<ConfigError>([&] { dry_run_of(config, 3); }),
              HasSubstr("model.hidden"));
  EXPECT_THAT(test::error_of<ConfigError>([&] { dry_run_of(config, 4); }),
              HasSubstr("parallel.tp"));
  config.parallel.tp = 1;
  config.parallel.pp = 9;
  EXPECT_THAT(test::error_of<ConfigError>([&] { dry_run_of(config, 9); }),
              HasSubstr("parallel.pp"));
}

}  // namespace
}  // namespace precinct::train
