// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/progress.h"

#include <gtest/gtest.h>

#include <thread>

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;

TEST(Progress, TellsStepPhaseAndThatSomethingHappened) {
  Progress progress;
  const auto before = progress.snapshot();
  EXPECT_EQ(before.phase, "start");
  progress.enter("data", 7);
  const auto after = progress.snapshot();
  EXPECT_EQ(after.phase, "data");
  EXPECT_EQ(after.step, 7);
  EXPECT_GT(after.changes, before.changes);
  EXPECT_FALSE(after.is_waiting);
}

TEST(Progress, CountsTheOuterWaitAlone) {
  Progress progress;
  {
    const Progress::Wait outer(progress, {"outer", {1}});
    const Progress::Wait inner(progress, {"inner", {2}});
    const auto now = progress.snapshot();
    EXPECT_TRUE(now.is_waiting);
    EXPECT_EQ(now.awaited.call, "outer");
    EXPECT_EQ(now.awaited.ranks, std::vector<int>{1});
  }
  EXPECT_FALSE(progress.snapshot().is_waiting);
}

TEST(Progress, WhatAPhaseUsuallyTakesLeavesTheWaitsOut) {
  Progress progress;
  progress.enter("step", 0);
  const auto begin = Progress::Clock::now();
  {
    const Progress::Wait wait(progress, {"a call", {1}});
    while (Progress::Clock::now() - begin < 50ms) std::this_thread::yield();
  }
  progress.enter("data", 1);
  const auto usual = progress.snapshot().usual.at("step");
  EXPECT_EQ(usual.count, 1);
  EXPECT_LT(usual.p99_s, 0.05);
}

TEST(Progress, KnowsMedianAndP99OfTheLastPhases) {
  Progress progress;
  for (int i = 0; i < 300; ++i) progress.enter("step", i);
  const auto usual = progress.snapshot().usual.at("step");
  EXPECT_EQ(usual.count, 256);
  EXPECT_LE(usual.median_s, usual.p99_s);
}

TEST(Progress, HasItsGroupsUntilTheyGo) {
  Progress progress;
  progress.add({"world", "world", std::make_shared<CallHistory>()});
  progress.add({"sub0.0", "dp", std::make_shared<CallHistory>()});
  progress.remove("world");
  ASSERT_EQ(progress.groups().size(), 1U);
  EXPECT_EQ(progress.groups()[0].name, "dp");
}

}  // namespace
}  // namespace precinct::parallel
