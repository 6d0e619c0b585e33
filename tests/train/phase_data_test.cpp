// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/phase_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/small_run.h"

namespace precinct::train {
namespace {

using data::BinRange;
using testing::HasSubstr;

constexpr std::int64_t kBinsOfP1 = 731;

/// Split and windows of accuracy protocol P1 (configs/protocols/p1.yaml).
config::ExperimentConfig p1() {
  config::ExperimentConfig config;
  config.data.lookback = 14;
  config.data.horizon = 1;
  config.data.split.train_bins = {0, 609};
  config.data.split.validation_bins = {609, 639};
  config.data.split.test_bins = {639, 731};
  config.evaluate.choose_on = "blocks";
  config.train.refit = "before_test";
  return config;
}

PhaseRanges ranges_in(const config::ExperimentConfig& config, Phase phase,
                      std::int64_t num_bins = kBinsOfP1) {
  return ranges_of(phase, config, split_of(config.data, num_bins), num_bins);
}

TEST(RangesOf, P1LearnsBeforeFourBlocksOfThirtyDaysAndIsScoredOnThem) {
  const PhaseRanges ranges = ranges_in(p1(), Phase::kFit);
  EXPECT_EQ(ranges.fit, (BinRange{0, 519}));
  EXPECT_EQ(ranges.score, (BinRange{519, 639}));
}

TEST(RangesOf, ChoiceOnValidationLearnsFromTheTrainingRange) {
  auto config = p1();
  config.evaluate.choose_on = "validation";
  const PhaseRanges ranges = ranges_in(config, Phase::kFit);
  EXPECT_EQ(ranges.fit, (BinRange{0, 609}));
  EXPECT_EQ(ranges.score, (BinRange{609, 639}));
}

TEST(RangesOf, RefitBeforeTheTestNeverSeesItAndIsNotScored) {
  const PhaseRanges ranges = ranges_in(p1(), Phase::kRefit);
  EXPECT_EQ(ranges.fit, (BinRange{0, 639}));
  EXPECT_EQ(ranges.score.size(), 0);
}

TEST(RangesOf, RefitAllTakesTheWholePanel) {
  auto config = p1();
  config.train.refit = "all";
  const PhaseRanges ranges = ranges_in(config, Phase::kRefit);
  EXPECT_EQ(ranges.fit, (BinRange{0, kBinsOfP1}));
  EXPECT_EQ(ranges.score.size(), 0);
}

TEST(RangesOf, GapLiesBeforeTheFirstBlockAndBeforeTheTest) {
  auto config = p1();
  config.data.split = {};
  config.data.split.fractions = {0.7, 0.1, 0.2};
  config.data.split.gap = 5;  // of 200 bins: train 0..140, validation 145..160, test 165..200
  const PhaseRanges fit = ranges_in(config, Phase::kFit, 200);
  EXPECT_EQ(fit.score, (BinRange{160 - 4 * 15, 160}));
  EXPECT_EQ(fit.fit, (BinRange{0, 160 - 4 * 15 - 5}));
  EXPECT_EQ(ranges_in(config, Phase::kRefit, 200).fit, (BinRange{0, 160}));
}

TEST(RangesOf, TooFewBinsToLearnFromAreRefusedAndJustEnoughAreNot) {
  auto config = p1();
  config.data.lookback = 518;  // with the horizon just the 519 bins before the blocks
  EXPECT_NO_THROW(ranges_in(config, Phase::kFit));
  config.data.lookback = 519;
  try {
    ranges_in(config, Phase::kFit);
    FAIL() << "519 bins for windows of 520";
  } catch (const ConfigError& error) {
    for (const char* part : {"data.split", "fit", "at least 520", "found 519", "choose_on"})
      EXPECT_THAT(error.what(), HasSubstr(part));
  }
  EXPECT_NO_THROW(ranges_in(config, Phase::kRefit)) << "639 bins are enough for the same windows";
}

TEST(PhaseData, LearnsFeaturesAndDrawsWindowsFromItsRangeAlone) {
  const auto panel = test::small_panel(90, 2, 2);
  const auto config = test::small_config();
  const PhaseData data(config, panel, {{0, 50}, {50, 60}}, std::nullopt, torch::kCPU);
  EXPECT_EQ(data.spec().fit_range, (BinRange{0, 50}));
  EXPECT_EQ(data.sampler().num_windows(), 50 - config.data.lookback - config.data.horizon + 1);
  for (const auto& window : data.sampler().global_batch(0)) {
    EXPECT_GE(window.origin, config.data.lookback);
    EXPECT_LE(window.origin + config.data.horizon, 50);
  }
}

TEST(PhaseData, CursorOfAStepIsWhatTheStepsBeforeItConsumed) {
  const auto panel = test::small_panel(90, 2, 2);
  const auto config = test::small_config();  // 38 windows in batches of 8: the fifth has 6
  const PhaseData data(config, panel, {{0, 50}, {50, 60}}, std::nullopt, torch::kCPU);
  ASSERT_NE(data.sampler().num_windows() % config.train.global_batch_size, 0);
  std::int64_t consumed = 0;
  for (std::int64_t step = 0; step < 3 * data.sampler().steps_per_epoch(); ++step) {
    EXPECT_EQ(data.cursor_of(step), consumed) << "step " << step;
    consumed += static_cast<std::int64_t>(data.sampler().global_batch(consumed).size());
  }
  EXPECT_EQ(consumed, 3 * data.sampler().num_windows());
}

}  // namespace
}  // namespace precinct::train
