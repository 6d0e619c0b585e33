// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/lr_schedule.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "train/early_stop.h"

namespace precinct::train {
namespace {

config::ScheduleConfig named(const std::string& name) {
  config::ScheduleConfig config;
  config.name = name;
  return config;
}

TEST(LrSchedule, ConstantKeepsTheBaseRate) {
  const LrSchedule schedule(named("constant"), 0.01, 10, 100);
  EXPECT_EQ(schedule.lr(0), 0.01);
  EXPECT_EQ(schedule.lr(99), 0.01);
}

TEST(LrSchedule, WarmUpRisesInEqualStepsToTheBaseRate) {
  auto config = named("constant");
  config.warmup_steps = 4;
  const LrSchedule schedule(config, 0.1, 10, 100);
  EXPECT_DOUBLE_EQ(schedule.lr(0), 0.025);
  EXPECT_DOUBLE_EQ(schedule.lr(3), 0.1);
  EXPECT_DOUBLE_EQ(schedule.lr(50), 0.1);
}

TEST(LrSchedule, CosineIsHalfWayInTheMiddleAndEndsAtTheFinalFactor) {
  auto config = named("cosine");
  config.final_factor = 0.1;
  const LrSchedule schedule(config, 1.0, 10, 100);
  EXPECT_DOUBLE_EQ(schedule.lr(0), 1.0);
  EXPECT_NEAR(schedule.lr(50), 0.55, 1e-12);
  EXPECT_NEAR(schedule.lr(100), 0.1, 1e-12);
}

TEST(LrSchedule, StepFallsEverySoManyEpochs) {
  auto config = named("step");
  config.step_epochs = 2;
  config.step_factor = 0.5;
  const LrSchedule schedule(config, 1.0, 10, 100);
  EXPECT_DOUBLE_EQ(schedule.lr(19), 1.0);
  EXPECT_DOUBLE_EQ(schedule.lr(20), 0.5);
  EXPECT_DOUBLE_EQ(schedule.lr(40), 0.25);
}

TEST(LrSchedule, PlateauFallsAfterPatienceAndItsStateRoundTrips) {
  auto config = named("plateau");
  config.plateau_patience = 2;
  config.step_factor = 0.1;
  LrSchedule schedule(config, 1.0, 10, 100);
  for (const double score : {5.0, 4.0, 4.5}) schedule.observe(score);
  EXPECT_DOUBLE_EQ(schedule.lr(30), 1.0);
  LrSchedule resumed(config, 1.0, 10, 100);
  resumed.load(schedule.state());
  schedule.observe(4.2);
  resumed.observe(4.2);
  EXPECT_DOUBLE_EQ(schedule.lr(40), 0.1);
  EXPECT_DOUBLE_EQ(resumed.lr(40), 0.1);
}

TEST(LrSchedule, UnknownNameIsRefused) {
  EXPECT_THROW(LrSchedule(named("warm"), 1, 1, 1), ConfigError);
}

TEST(EarlyStop, StopsAfterPatienceAndRemembersTheBestEpoch) {
  config::EarlyStopConfig config;
  config.patience = 2;
  EarlyStop stop(config);
  EXPECT_TRUE(stop.observe(0.6, 0, 0));
  EXPECT_TRUE(stop.observe(0.5, 1, 10));
  EXPECT_FALSE(stop.observe(0.51, 2, 20));
  EarlyStop resumed(config);
  resumed.load(stop.state());
  EXPECT_FALSE(resumed.should_stop());
  EXPECT_FALSE(resumed.observe(0.5, 3, 30));
  EXPECT_TRUE(resumed.should_stop());
  EXPECT_EQ(resumed.best_epoch(), 1);
  EXPECT_EQ(resumed.best_step(), 10);
}

TEST(EarlyStop, MinDeltaAsksForMoreThanATie) {
  config::EarlyStopConfig config;
  config.min_delta = 0.01;
  config.patience = 1;
  EarlyStop stop(config);
  EXPECT_TRUE(stop.observe(0.5, 0, 0));
  EXPECT_FALSE(stop.observe(0.495, 1, 1));
  EXPECT_TRUE(stop.should_stop());
}

}  // namespace
}  // namespace precinct::train
