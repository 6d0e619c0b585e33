// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/beat.h"

#include <gtest/gtest.h>

namespace precinct::parallel {
namespace {

Beat some_beat() {
  Beat beat;
  beat.number = 12;
  beat.host = "node01";
  beat.pid = 4711;
  beat.step = 333;
  beat.phase = "data";
  beat.changes = 9999;
  beat.idle_s = 1.25;
  beat.waits_for = "all_reduce #7 (dp, 16 B, sum, [4] float32)";
  beat.usual["data"] = {256, 0.004, 0.011};
  beat.usual["step"] = {256, 0.04, 0.1};
  beat.waits_in = "dp";
  beat.waits_number = 7;
  beat.groups.push_back({"precinct/0/world/", "world", {7, 0xfedcba9876543210ULL, "barrier"}});
  return beat;
}

TEST(Beat, IsReadAsItWasWritten) {
  const Beat beat = some_beat();
  const auto read = Beat::parse(beat.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text(), beat.text());
  EXPECT_EQ(read->host, "node01");
  EXPECT_EQ(read->step, 333);
  EXPECT_EQ(read->waits_for, beat.waits_for);
  EXPECT_EQ(read->waits_in, "dp");
  EXPECT_EQ(read->waits_number, 7U);
  EXPECT_EQ(read->usual.at("step").p99_s, 0.1);
  EXPECT_EQ(read->groups[0].last.hash, 0xfedcba9876543210ULL);
}

TEST(Beat, ANameWithBreaksDoesNotBreakIt) {
  Beat beat = some_beat();
  beat.phase = "my\tphase\nof work";
  const auto read = Beat::parse(beat.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->phase, "my phase of work");
}

TEST(Beat, WhatIsNoneIsRefused) {
  const std::string good = some_beat().text();
  EXPECT_FALSE(Beat::parse(""));
  EXPECT_FALSE(Beat::parse("beat1" + good.substr(5)));
  EXPECT_FALSE(Beat::parse(good + "more\n"));
  EXPECT_FALSE(Beat::parse("beat2\tx\thost\t1\t2\tdata\t3\t0.5\t\t\t0\n"));
  for (std::size_t size = 0; size < good.size(); ++size) Beat::parse(good.substr(0, size));
}

}  // namespace
}  // namespace precinct::parallel
