// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/last_words.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace gloo {

/// Named like what Gloo throws, which its headers do not show.
struct LikeGloo : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace gloo

namespace precinct::parallel {
namespace {

TEST(LastWords, SayWhatTheRankWaitedFor) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const auto progress = std::make_shared<Progress>();
        say_last_words_of(3, progress);
        progress->enter("step", 7);
        const Progress::Wait wait(*progress, {"all_reduce #9 (dp)", {0, 1}});
        std::thread([] { throw gloo::LikeGloo("sizes differ\nmore"); }).join();
      },
      "rank 3: expected calls of one size on all ranks, found 'sizes differ' in step 7, phase "
      "step, "
      "waiting for all_reduce #9 \\(dp\\);");
}

TEST(LastWords, OfAnExceptionThatIsNotGloosBlameNoSizes) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto throws = [] {
    const auto progress = std::make_shared<Progress>();
    say_last_words_of(1, progress);
    progress->enter("step", 3);
    std::thread([] { throw std::runtime_error("the file is gone\nmore"); }).join();
  };
  EXPECT_DEATH(throws(),
               "rank 1: ended by an uncaught exception 'the file is gone' in step 3, phase step; "
               "catch it in main\n");
}

TEST(LastWords, SayTheLastCallsWithoutAWaitAndNothingWithoutARank) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const auto progress = std::make_shared<Progress>();
        const auto calls = std::make_shared<CallHistory>();
        calls->add({Operation::kBroadcast, 4, "[2] float32", 8, "root 0"}, 1);
        progress->add({"id", "world", calls});
        say_last_words_of(0, progress);
        std::terminate();
      },
      "rank 0: ended by std::terminate in step 0, phase start, last call "
      "broadcast\\(root 0\\) \\[2\\] float32 #4 \\(world\\)");
}

}  // namespace
}  // namespace precinct::parallel
