// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <random>

#include "base/atomic_file.h"
#include "base/error.h"
#include "metrics/evaluation.h"
#include "models/baselines/gamma_poisson_baseline.h"
#include "tests/support/small_run.h"
#include "tests/support/temporary_folder.h"
#include "train/events_writer.h"

namespace precinct::train {
namespace {

namespace fs = std::filesystem;
using test::run_once;
using test::small_config;

struct Undisturbed {
  test::TemporaryFolder folder;
  TrainingResult result;
  std::string metrics;
  Undisturbed(const config::ExperimentConfig& config, const data::Panel& panel)
      : result(run_once(config, panel, folder / "run")),
        metrics(read_file(folder / "run" / "metrics.jsonl")) {}
};

class EachNetwork : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, EachNetwork, testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EachNetwork, ARunThatDiesAtAnyStepAndResumesEndsWithTheSameBits) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config(GetParam());
  config.model.dropout = 0.1;
  config.train.ema_decay = 0.9;
  config.train.schedule.name = "cosine";
  const Undisturbed whole(config, panel);
  const unsigned seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  test::TemporaryFolder folder;
  std::int64_t at = 0;
  for (int death = 0; death < 4; ++death) {
    at += 1 + static_cast<std::int64_t>(random() % 6);
    try {
      run_once(config, panel, folder / "run", [&](const TrainState& state) {
        if (state.step == at) throw std::runtime_error("died");
      });
    } catch (const std::runtime_error& error) {
      ASSERT_STREQ(error.what(), "died");
    }
  }
  const auto result = run_once(config, panel, folder / "run");
  EXPECT_TRUE(test::same_weights(result.artifact, whole.result.artifact));
  EXPECT_EQ(read_file(folder / "run" / "metrics.jsonl"), whole.metrics);
  EXPECT_EQ(result.best_epoch, whole.result.best_epoch);
}

TEST(Trainer, TheScoreBeforeTheFirstStepIsTheAnchors) {
  const auto panel = test::small_panel(140);
  auto config = small_config();
  config.train.steps = 1;
  config.train.refit = "none";
  const Undisturbed run(config, panel);
  const auto first = nlohmann::json::parse(run.metrics.substr(0, run.metrics.find('\n')));
  ASSERT_EQ(first.at("step"), 0);
  const auto split = split_of(config.data, panel.num_bins);
  models::GammaPoissonBaseline baseline;
  baseline.fit(panel, split);
  const auto origins = metrics::evaluation_origins(split.validation, 3, 1, config.data.lookback);
  const auto table = metrics::evaluate(
      panel, split.validation, "validation", split.train,
      {{"gamma_poisson", true, baseline.predict(panel, origins, 3)}}, config.evaluate);
  EXPECT_NEAR(first.at("val/NLL").get<double>(), table.get("gamma_poisson").total.at("NLL"), 1e-4);
}

TEST(Trainer, RefitLearnsFromEverythingBeforeTheTestRangeForTheBestEpochs) {
  const auto panel = test::small_panel(120);
  auto config = small_config();
  config.head.anchor = "none";
  const Undisturbed run(config, panel);
  const auto split = split_of(config.data, panel.num_bins);
  EXPECT_EQ(run.result.artifact.features.fit_range, (data::BinRange{0, split.test.begin}));
  const std::string last_line =
      run.metrics.substr(run.metrics.rfind('\n', run.metrics.size() - 2) + 1);
  const auto last = nlohmann::json::parse(last_line);
  ASSERT_GT(run.result.best_epoch, 0.5) << "nothing was learnt: the test says nothing";
  EXPECT_EQ(last.at("phase"), "refit");
  EXPECT_NEAR(last.at("epoch").get<double>(), std::round(run.result.best_epoch), 1e-9);
}

TEST(Trainer, BlocksLearnFromWhatPrecedesTheFirstOfFour) {
  auto config = small_config();
  config.evaluate.choose_on = "blocks";
  const data::Split split = data::Split::by_bins(200, {0, 140}, {140, 160}, {160, 200}, 3);
  const auto ranges = ranges_of(Phase::kFit, config, split, 200);
  EXPECT_EQ(ranges.fit, (data::BinRange{0, 80}));
  EXPECT_EQ(ranges.score, (data::BinRange{80, 160}));
  EXPECT_EQ(ranges_of(Phase::kRefit, config, split, 200).fit.end, 200 - 40);
}

TEST(Trainer, RefitAllIsForForecastsAndTheTestRangeIsScoredWithTheFit) {
  const auto panel = test::small_panel(100, 2, 2);
  auto config = small_config();
  config.head.anchor = "none";
  config.train.epochs = 1;
  config.train.refit = "all";
  const Undisturbed run(config, panel);
  const auto split = split_of(config.data, panel.num_bins);
  EXPECT_EQ(run.result.artifact.features.fit_range.end, panel.num_bins);
  EXPECT_EQ(run.result.evaluated.features.fit_range.end, split.train.end);
}

TEST(Trainer, ASignalSavesAndTheNextStartGoesOnFromThatStep) {
  const auto panel = test::small_panel(90, 2, 2);
  const auto config = small_config();
  const Undisturbed whole(config, panel);
  test::TemporaryFolder folder;
  try {
    run_once(config, panel, folder / "run", [](const TrainState& state) {
      if (state.step == 3) std::raise(SIGTERM);
    });
    FAIL() << "the signal was not seen";
  } catch (const StopRequested& stop) {
    EXPECT_EQ(stop.code(), ExitCode::kStoppedOnRequest);
  }
  EXPECT_EQ(read_file(folder / "run" / "checkpoints" / "LATEST"), "step-000000003\n");
  const auto result = run_once(config, panel, folder / "run", {}, {.require_checkpoint = true});
  EXPECT_TRUE(test::same_weights(result.artifact, whole.result.artifact));
  EXPECT_EQ(read_file(folder / "run" / "metrics.jsonl"), whole.metrics);
}

TEST(Trainer, EarlyStoppingEndsTheFitPhase) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config();
  config.train.early_stop.patience = 1;
  config.train.optimizer.lr = 0.3;  // worse at once
  config.train.epochs = 50;
  config.train.refit = "none";
  const Undisturbed run(config, panel);
  const std::string last_line =
      run.metrics.substr(run.metrics.rfind('\n', run.metrics.size() - 2) + 1);
  EXPECT_LT(nlohmann::json::parse(last_line).at("epoch").get<double>(), 50);
}

TEST(Trainer, AnotherConfigurationIsRefusedUnlessAllowed) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config();
  config.train.epochs = 1;
  test::TemporaryFolder folder;
  run_once(config, panel, folder / "run");
  config.train.epochs = 2;
  EXPECT_THROW(run_once(config, panel, folder / "run"), ConfigError);
  EXPECT_NO_THROW(run_once(config, panel, folder / "run", {}, {.allow_mismatch = true}));
}

TEST(Trainer, DamagedCheckpointsFallBackAndWhenNoneIsLeftItEndsWithCodeSeven) {
  const auto panel = test::small_panel(90, 2, 2);
  const auto config = small_config();
  const Undisturbed whole(config, panel);
  test::TemporaryFolder folder;
  run_once(config, panel, folder / "run");
  const fs::path checkpoints = folder / "run" / "checkpoints";
  std::string latest = read_file(checkpoints / "LATEST");
  latest.pop_back();
  fs::resize_file(checkpoints / latest / "optimizer.safetensors", 100);
  const auto result = run_once(config, panel, folder / "run");
  EXPECT_TRUE(fs::exists(checkpoints / (latest + ".bad")));
  EXPECT_TRUE(test::same_weights(result.artifact, whole.result.artifact));
  for (const auto& entry : fs::directory_iterator(checkpoints))
    if (fs::exists(entry.path() / "state.json")) fs::resize_file(entry.path() / "state.json", 3);
  try {
    run_once(config, panel, folder / "run");
    FAIL() << "a silent restart from zero";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNoCheckpoint) << error.what();
  }
}

TEST(Trainer, NumbersThatStayNonFiniteEndTheRunWithTheirNames) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config();
  config.train.optimizer.lr = 1e30;
  config.train.clip_norm = 0;
  test::TemporaryFolder folder;
  try {
    run_once(config, panel, folder / "run");
    FAIL() << "a diverged run ended well";
  } catch (const NumericError& error) {
    const std::string text = error.what();
    for (const char* part : {"step ", "module ", "rank 0", "windows", "2020-"})
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
  // no checkpoint holds non-finite weights
  CheckpointStore store(folder / "run" / "checkpoints", 3);
  const auto weights = Learner::forecast_weights(*store.newest_good());
  for (const auto& [name, tensor] : weights)
    EXPECT_TRUE(!tensor.is_floating_point() || torch::isfinite(tensor).all().item<bool>()) << name;
}

TEST(Trainer, EventFilesHoldLossAndScoreOfEveryStep) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config();
  config.train.refit = "none";
  config.train.epochs = 1;
  const Undisturbed run(config, panel);
  std::size_t losses = 0, scores = 0;
  for (const auto& entry : fs::directory_iterator(run.folder / "run")) {
    if (entry.path().filename().string().rfind("events.out", 0) != 0) continue;
    for (const auto& event : read_events(entry.path())) {
      losses += event.tag == "train/loss";
      scores += event.tag == "val/NLL";
    }
  }
  EXPECT_EQ(scores, 2U);
  EXPECT_GE(losses, 4U);
}

}  // namespace
}  // namespace precinct::train
