// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/made_until.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;

TEST(MakingThread, GivesWhatIsMadeOrThrownByOneThreadInOrder) {
  MakingThread thread;
  std::thread::id first;
  for (int i = 0; i < 100; ++i) {
    std::thread::id id;
    EXPECT_EQ(thread.made_within(20s, [i, &id] { return id = std::this_thread::get_id(), i; }), i);
    if (i == 0) first = id;
    EXPECT_EQ(id, first);
  }
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_THROW(thread.made_within(20s, []() -> int { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(thread.made_within(20s, [] { return 7; }), 7);
}

TEST(MakingThread, GivesUpWhatIsLateAndAllAfterIt) {
  const auto blocked = std::make_shared<std::promise<void>>();
  const auto has_run = std::make_shared<std::atomic<bool>>(false);
  {
    MakingThread thread;
    EXPECT_FALSE(thread.made_within(50ms, [blocked] {
      blocked->get_future().wait();
      return 1;
    }));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(thread.made_within(60s, [has_run] { return has_run->exchange(true), 2; }));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
  }  // not waited for
  blocked->set_value();
  EXPECT_FALSE(*has_run);
}

}  // namespace
}  // namespace precinct::parallel
