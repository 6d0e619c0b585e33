// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/hang_rule.h"

#include <gtest/gtest.h>

namespace precinct::parallel {
namespace {

/// Without progress for `idle_s` in a phase that took at most 10 ms so far.
Awaited working(double idle_s) {
  Awaited other;
  other.beat.phase = "step";
  other.beat.idle_s = idle_s;
  other.beat.usual["step"] = {100, 0.005, 0.01};
  other.beats_seen = 2;
  return other;
}

TEST(HangRule, AllowsTwoHeartbeatsOrEightTimesThePhase) {
  Beat beat = working(0).beat;
  EXPECT_DOUBLE_EQ(allowed_idle_s(beat, 1, 60), 2);
  beat.usual["step"].p99_s = 2;
  EXPECT_DOUBLE_EQ(allowed_idle_s(beat, 1, 60), 16);
  beat.usual["step"].p99_s = 20;
  EXPECT_DOUBLE_EQ(allowed_idle_s(beat, 1, 60), 60) << "never more than the timeout";
  beat.phase = "a first time";
  EXPECT_DOUBLE_EQ(allowed_idle_s(beat, 1, 60), 60);
}

TEST(HangRule, BeatsWithoutProgressAreAHang) {
  EXPECT_TRUE(hangs(working(2.1), 1, 60));
  EXPECT_FALSE(hangs(working(1.9), 1, 60));
}

TEST(HangRule, AStepFiveTimesAsLongIsNone) {
  Awaited other = working(5.0);
  other.beat.usual["step"] = {100, 1.0, 1.1};
  EXPECT_FALSE(hangs(other, 1, 60));
}

TEST(HangRule, ARankThatWaitsItselfIsNotAtFault) {
  Awaited other = working(30);
  other.beat.waits_for = "recv #3 (pp)";
  EXPECT_FALSE(hangs(other, 1, 60));
}

TEST(HangRule, MissingBeatsAreNoHangUnlessTheLauncherSeesTheRankStopped) {
  Awaited other = working(0.5);
  other.beats_seen = 1;
  other.beat_age_s = 30;
  EXPECT_FALSE(hangs(other, 1, 60)) << "unreachable: the link may come back";
  other.is_held = true;
  EXPECT_TRUE(hangs(other, 1, 60));
  other.beat.waits_for = "all_reduce #3 (dp)";
  EXPECT_TRUE(hangs(other, 1, 60)) << "it was stopped while it waited";
  other.beat.phase = "a first time";
  EXPECT_TRUE(hangs(other, 1, 60)) << "it is not at work";
  other.beat_age_s = 1;
  EXPECT_FALSE(hangs(other, 1, 60)) << "it may go on in a moment";
}

}  // namespace
}  // namespace precinct::parallel
