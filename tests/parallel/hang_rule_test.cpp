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

/// Two ranks with the groups dp and world, which wait for each other: this one in call 9 of dp, the
/// other in call 5 of world.
struct Crossed {
  Progress::Snapshot own;
  std::vector<Progress::Group> groups;
  Awaited other;
  Crossed(std::uint64_t own_world_calls, std::uint64_t other_dp_calls) {
    own.is_waiting = true;
    own.idle_s = 2.1;
    own.awaited = {"all_reduce #9 (dp)", {0, 1}, "d", 9};
    other.beats_seen = 2;
    other.beat.idle_s = 2.1;
    other.beat.waits_for = "barrier #5 (world)";
    other.beat.waits_in = "w";
    other.beat.waits_number = 5;
    other.beat.groups = {{"d", "dp", {other_dp_calls, 0, ""}}, {"w", "world", {5, 0, ""}}};
    groups = {{"d", "dp", calls(9)}, {"w", "world", calls(own_world_calls)}};
  }
  static std::shared_ptr<const CallHistory> calls(std::uint64_t count) {
    auto history = std::make_shared<CallHistory>();
    for (std::uint64_t i = 1; i <= count; ++i) history->add({Operation::kBarrier, i, "", 0, ""}, i);
    return history;
  }
  bool is_found() const { return wait_crosswise(own, groups, other, 1); }
};

TEST(HangRule, RanksInCallsThatTheOtherHasNotMadeWaitInVain) {
  EXPECT_TRUE(Crossed(4, 8).is_found());
  EXPECT_TRUE(Crossed(0, 0).is_found());
}

TEST(HangRule, WhereOneHasMadeTheOthersCallTheLinkMayBeSlow) {
  EXPECT_FALSE(Crossed(4, 9).is_found()) << "this rank's call was made: its messages are under way";
  EXPECT_FALSE(Crossed(5, 8).is_found());
}

TEST(HangRule, CrosswiseWaitsTakeTwoHeartbeatsTwoSignsOfLifeAndCommonGroups) {
  for (const auto& change : std::vector<void (*)(Crossed&)>{
           [](Crossed& c) { c.own.is_waiting = false; }, [](Crossed& c) { c.own.idle_s = 1.9; },
           [](Crossed& c) { c.other.beat.idle_s = 1.9; },
           [](Crossed& c) { c.other.beats_seen = 1; }, [](Crossed& c) { c.other.is_held = true; },
           [](Crossed& c) { c.own.awaited.number = 0; },
           [](Crossed& c) { c.other.beat.waits_number = 0; },
           [](Crossed& c) { c.other.beat.waits_in = "another"; },
           [](Crossed& c) { c.own.awaited.group = "another"; },
           [](Crossed& c) { c.other.beat.waits_for = c.own.awaited.call; }}) {
    Crossed crossed(4, 8);
    change(crossed);
    EXPECT_FALSE(crossed.is_found());
  }
}

}  // namespace
}  // namespace precinct::parallel
