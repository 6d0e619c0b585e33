// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Whole runs on several ranks: one leads, all come to the same decisions, any layout goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/atomic_file.h"
#include "base/error.h"
#include "models/safetensors.h"
#include "tests/parallel/ranks.h"
#include "tests/support/small_run.h"

namespace precinct::train {
namespace {

namespace fs = std::filesystem;
using parallel::World;
using test::error_of;
using test::run_once;
using test::run_ranks;
using testing::HasSubstr;

/// Trains on all ranks in one folder; `after_step` on each of them.
TrainingResult train_on(Ranks& ranks, const config::ExperimentConfig& config,
                        const data::Panel& panel, const fs::path& folder,
                        std::function<void(const TrainState&)> after_step = {}) {
  std::unique_ptr<RunFolder> run;
  if (ranks.leads()) run = std::make_unique<RunFolder>(folder);
  ranks.all().barrier().wait();
  if (!run) run = std::make_unique<RunFolder>(folder, RunFolder::Follower());
  Trainer trainer(config, panel, "panel-hash", split_of(config.data, panel.num_bins), *run, ranks,
                  {});
  if (ranks.leads())
    for (auto& log : make_logs(config.log, *run)) trainer.add_observer(std::move(log));
  if (after_step) trainer.add_observer(std::make_unique<test::AfterStep>(std::move(after_step)));
  return trainer.run();
}

double largest_difference(const models::Artifact& a, const models::Artifact& b) {
  double worst = 0;
  for (const auto& [name, tensor] : a.weights)
    worst = std::max(worst, (tensor - b.weights.at(name)).abs().max().item<double>());
  return worst;
}

config::ExperimentConfig config_of(const std::string& model) {
  auto config = test::small_config(model);
  config.model.dropout = 0.1;
  config.train.ema_decay = 0.9;
  return config;
}

class EachNetworkOnRanks : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, EachNetworkOnRanks,
                         testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EachNetworkOnRanks, ARunOfThreeEndsWhereOneProcessEnds) {
  const std::string model = GetParam();
  run_ranks(3, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    const auto config = config_of(model);
    Ranks ranks(world, config);
    const auto found = train_on(ranks, config, panel, test::shared_folder() / "run");
    if (!ranks.leads()) return;
    const auto expected = run_once(config, panel, test::shared_folder() / "alone");
    EXPECT_EQ(found.best_epoch, expected.best_epoch);
    EXPECT_NEAR(found.best_score, expected.best_score, 1e-5);
    EXPECT_LE(largest_difference(found.artifact, expected.artifact), 2e-5);
  });
}

/// Each layout but the last dies; the run ends where one process ends.
TEST_P(EachNetworkOnRanks, ARunChangesItsLayoutAndEndsWhereOneProcessEnds) {
  const std::string model = GetParam();
  const std::vector<config::ParallelConfig> layouts = {
      {.dp = 2, .tp = 2}, {.dp = 1}, {.dp = 2, .pp = 2}, {.tp = 2, .pp = 2}};
  run_ranks(4, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    auto config = config_of(model);
    const auto folder = test::shared_folder() / "run";
    TrainingResult found;
    for (std::size_t i = 0; i < layouts.size(); ++i) {
      config.parallel = layouts[i];
      const bool dies = i + 1 < layouts.size();
      const std::int64_t last = 5 + 4 * static_cast<std::int64_t>(i);
      const auto die = [&](const TrainState& state) {
        if (dies && state.step == last) throw std::runtime_error("died");
      };
      if (config.parallel.dp == 1) {  // one process
        if (world.rank() == 0) {
          EXPECT_EQ(error_of<std::runtime_error>([&] { run_once(config, panel, folder, die); }),
                    "died");
        }
        world.communicator().barrier().wait();
        continue;
      }
      config.parallel.num_micro_batches = 2;
      Ranks ranks(world, config);
      const auto train = [&] { found = train_on(ranks, config, panel, folder, die); };
      if (dies)
        EXPECT_EQ(error_of<std::runtime_error>(train), "died");
      else
        train();
    }
    if (world.rank() != 0) return;
    const auto expected = run_once(config_of(model), panel, test::shared_folder() / "alone");
    EXPECT_EQ(found.best_epoch, expected.best_epoch);
    EXPECT_NEAR(found.best_score, expected.best_score, 1e-5);
    EXPECT_LE(largest_difference(found.artifact, expected.artifact), 2e-5);
  });
}

TEST_P(EachNetworkOnRanks, StoppedOnOneRankAllSaveTheSameStepAndGoOnBitForBit) {
  const std::string model = GetParam();
  run_ranks(3, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    const auto config = config_of(model);
    Ranks ranks(world, config);
    const auto whole = train_on(ranks, config, panel, test::shared_folder() / "whole");
    const auto folder = test::shared_folder() / "stopped";
    const std::string said = error_of<StopRequested>([&] {
      train_on(ranks, config, panel, folder, [&](const TrainState& state) {
        if (state.step == 7 && world.rank() == 2) std::raise(SIGUSR1);
      });
    });
    EXPECT_THAT(said, HasSubstr("saved step 8"));  // agreed at the step after the signal
    EXPECT_THAT(said, HasSubstr(world.rank() == 2 ? "signal 10" : "another rank"));
    const auto found = train_on(ranks, config, panel, folder);
    EXPECT_TRUE(test::same_weights(found.artifact, whole.artifact));
    if (ranks.leads()) {
      EXPECT_EQ(read_file(folder / "metrics.jsonl"),
                read_file(test::shared_folder() / "whole" / "metrics.jsonl"));
    }
  });
}

/// A log that finds no room: only rank 0 has one.
TEST(RanksOfATrainer, AllEndWithWhatTheLeadersLogThrowsAndSaveNoMore) {
  run_ranks(2, [](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    const auto config = test::small_config();
    Ranks ranks(world, config);
    const auto folder = test::shared_folder() / "run";
    try {
      train_on(ranks, config, panel, folder, [&](const TrainState& state) {
        if (ranks.leads() && state.step == 6) throw IoError("log: expected room, found none");
      });
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kFile);
      EXPECT_STREQ(error.what(), "log: expected room, found none");
    }
    EXPECT_FALSE(fs::exists(folder / "checkpoints" / CheckpointStore::name_of(8)));
  });
}

/// The same bits for 1 -> 3 -> 2 -> 4 ranks as for one that nobody disturbed.
TEST_P(EachNetworkOnRanks, ADeterministicRunGoesOnWithAnyNumberOfRanks) {
  const std::string model = GetParam();
  run_ranks(4, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    auto config = config_of(model);
    config.train.deterministic = true;
    const auto folder = test::shared_folder() / "run";
    std::int64_t at = 0;
    for (const int size : {1, 3, 2, 4}) {
      at += 7;
      const int colour = world.rank() < size ? 0 : 1;
      auto group = world.communicator().split("part" + std::to_string(size), colour, world.rank());
      if (colour == 0) {
        World part(world.context(), std::move(group));
        Ranks ranks(part, config);
        const auto train = [&] {
          return train_on(ranks, config, panel, folder, [&](const TrainState& state) {
            if (size < 4 && state.step == at) throw std::runtime_error("died");
          });
        };
        if (size < 4) {
          EXPECT_EQ(error_of<std::runtime_error>(train), "died");
        } else {
          const auto found = train();
          if (ranks.leads()) {
            const auto whole = run_once(config, panel, test::shared_folder() / "whole");
            EXPECT_TRUE(test::same_weights(found.artifact, whole.artifact));
          }
        }
      }
      world.communicator().barrier().wait();
    }
  });
}

}  // namespace
}  // namespace precinct::train
