// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/job_watch.h"

#include <gtest/gtest.h>

#include "parallel/job_life.h"

namespace precinct::launch {
namespace {

using namespace std::chrono_literals;

TEST(JobWatch, ReadsWhatTheRanksOfThatStartWrote) {
  const parallel::StoreServer server("127.0.0.1", 0);
  auto ranks = parallel::JobLife::of_job("127.0.0.1", server.port(), 1, 5s);
  parallel::Beat beat;
  beat.step = 42;
  ranks.beat(0, beat);
  ranks.declare("rank 1 hangs");
  ASSERT_TRUE(ranks.verdict());
  JobWatch watch("127.0.0.1", server.port(), 1), before("127.0.0.1", server.port(), 0);
  EXPECT_EQ(watch.last_step(0), 42);
  EXPECT_EQ(watch.last_step(1), -1);
  EXPECT_EQ(watch.verdict(), "rank 1 hangs");
  EXPECT_EQ(before.verdict(), "");
  watch.set_held(1, true);
  EXPECT_EQ(watch.last_step(1), -1);
  EXPECT_TRUE(ranks.is_held(1));
}

TEST(JobWatch, AStoreThatIsGoneIsNoFailure) {
  std::uint16_t port = 0;
  { port = parallel::StoreServer("127.0.0.1", 0).port(); }
  JobWatch gone("127.0.0.1", port, 0), knows_nothing;
  const auto begin = std::chrono::steady_clock::now();
  gone.set_held(0, true);
  EXPECT_EQ(gone.verdict(), "");
  EXPECT_EQ(gone.last_step(0), -1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_EQ(knows_nothing.verdict(), "");
}

}  // namespace
}  // namespace precinct::launch
