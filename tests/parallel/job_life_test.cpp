// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/job_life.h"

#include <gtest/gtest.h>

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;

class JobLifeTest : public testing::Test {
 protected:
  JobLife life(std::int64_t start = 0) {
    return JobLife::of_job("127.0.0.1", server_.port(), start, 5s);
  }
  StoreServer server_{"127.0.0.1", 0};
};

TEST_F(JobLifeTest, OneWritesAndAnotherReads) {
  auto rank = life(), launcher = life();
  EXPECT_FALSE(launcher.last_beat(1));
  Beat beat;
  beat.step = 5;
  rank.beat(1, beat);
  rank.last_beat(1);  // a write of one connection is seen by another once it was answered to
  EXPECT_EQ(launcher.last_beat(1)->step, 5);
  EXPECT_FALSE(rank.is_held(1));
  launcher.set_held(1, true);
  launcher.is_held(1);
  EXPECT_TRUE(rank.is_held(1));
  launcher.set_held(1, false);
  launcher.is_held(1);
  EXPECT_FALSE(rank.is_held(1));
}

TEST_F(JobLifeTest, TheFirstVerdictStands) {
  auto one = life(), other = life();
  EXPECT_FALSE(one.verdict());
  one.declare("rank 2 hangs");
  other.declare("calls differ");
  EXPECT_EQ(other.verdict(), "rank 2 hangs");
}

TEST_F(JobLifeTest, CallsAreShownWhenTheyAreAskedFor) {
  auto one = life(), other = life();
  EXPECT_FALSE(other.calls_are_asked_for());
  one.ask_for_calls();
  EXPECT_TRUE(one.calls_are_asked_for());
  EXPECT_TRUE(other.calls_are_asked_for());
  EXPECT_FALSE(one.shown_calls(1, "world", 1ms));
  CallHistory calls;
  calls.add({}, 7);
  other.show_calls(1, "world", calls);
  other.shown_calls(1, "world", 1ms);
  EXPECT_EQ(one.shown_calls(1, "world", 1ms)->at(0).hash, 7U);
}

TEST_F(JobLifeTest, TheHolderOfTheStoreLeavesLast) {
  using Clock = std::chrono::steady_clock;
  auto holder = life(), rank = life();
  const auto begin = Clock::now();
  holder.wait_until_gone(2, 20s);  // nobody has come
  EXPECT_LT(Clock::now() - begin, 10s);
  rank.say_here();
  rank.say_gone(0);
  EXPECT_FALSE(rank.verdict());  // its answer comes after both were taken in
  auto from = Clock::now();
  holder.wait_until_gone(2, 300ms);  // rank 1 is there
  EXPECT_GE(Clock::now() - from, 300ms);
  rank.say_gone(1);
  from = Clock::now();
  holder.wait_until_gone(2, 20s);
  EXPECT_LT(Clock::now() - from, 10s);
}

TEST_F(JobLifeTest, EachStartOfTheJobHasItsOwn) {
  auto before = life(0);
  before.declare("of the start before");
  EXPECT_TRUE(before.verdict());
  EXPECT_FALSE(life(1).verdict());
}

}  // namespace
}  // namespace precinct::parallel
