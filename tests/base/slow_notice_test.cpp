// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/slow_notice.h"

#include <gtest/gtest.h>

#include <future>

namespace precinct {
namespace {

using namespace std::chrono_literals;

TEST(SlowNotice, SpeaksOnceOfWhatLasts) {
  std::promise<void> said;  // a second call would throw
  const SlowNotice notice(1ms, [&] { said.set_value(); });
  EXPECT_EQ(said.get_future().wait_for(20s), std::future_status::ready);
}

TEST(SlowNotice, IsSilentAboutWhatIsOver) {
  bool said = false;
  const auto start = std::chrono::steady_clock::now();
  {
    const SlowNotice notice(1h, [&] { said = true; });
  }
  EXPECT_FALSE(said);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

}  // namespace
}  // namespace precinct
