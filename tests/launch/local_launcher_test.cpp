// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/local_launcher.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <string>

#include "base/error.h"
#include "launch/job_attempt.h"
#include "parallel/store.h"

namespace precinct::launch {
namespace {

/// The first line of each rank.
std::vector<std::string> words_of(std::vector<RankProcess> ranks) {
  std::vector<std::string> words;
  for (auto& rank : ranks) {
    std::string& text = words.emplace_back();
    std::array<char, 256> buffer{};
    pollfd file{rank.out().number(), POLLIN, 0};
    for (ssize_t count = 1; count > 0 && ::poll(&file, 1, 20'000) == 1;) {
      count = ::read(rank.out().number(), buffer.data(), buffer.size());
      if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    EXPECT_EQ(::waitpid(rank.pid(), nullptr, 0), rank.pid());
    rank.set_reaped();
  }
  return words;
}

TEST(LocalLauncher, HoldsTheStoreOverAllStartsOfAJob) {
  const LocalLauncher launcher(
      {.command = {"/bin/sh", "-c", "printf \"$MASTER_PORT $TORCHELASTIC_RUN_ID\""},
       .num_ranks = 2});
  const auto first = words_of(launcher.start(0)), second = words_of(launcher.start(1));
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0], first[1]);
  EXPECT_EQ(first, second);
  const auto port = static_cast<std::uint16_t>(std::stoi(first[0]));
  const auto store = parallel::connect_store("127.0.0.1", port, std::chrono::seconds(20));
  EXPECT_EQ(store->add("x", 2), 2);
}

TEST(LocalLauncher, JobsHaveTheirOwnPortsAndTokens) {
  const LaunchOptions options{.command = {"/bin/sh", "-c", "printf $MASTER_PORT"}};
  const LocalLauncher one(options), two(options);
  EXPECT_NE(words_of(one.start(0)), words_of(two.start(0)));
  LaunchOptions tokens = options;
  tokens.command.back() = "printf $PRECINCT_JOB_TOKEN";
  EXPECT_NE(words_of(LocalLauncher(tokens).start(0)), words_of(LocalLauncher(tokens).start(0)));
}

TEST(LocalLauncher, AProgramThatDoesNotStartLeavesNoProcess) {
  const LocalLauncher launcher({.command = {"/dev/null"}, .num_ranks = 3});
  EXPECT_THROW(launcher.start(0), ConfigError);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(JobAttempt, TellsHowEachRankEnded) {
  SignalFile signals;
  ProcessGuard guard;
  OutputQueue output;
  const LocalLauncher launcher(
      {.command = {"/bin/sh", "-c",
                   "if [ $RANK = 1 ]; then echo why >&2; exit 3; fi; exec tail -f /dev/null"},
       .num_ranks = 2});
  testing::internal::CaptureStderr();
  JobWatch watch = launcher.watch(0);
  JobAttempt attempt({signals, guard, output, watch, "", std::chrono::seconds(20), {}},
                     launcher.start(0), 0, 0);
  attempt.run();
  output.write_all();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "[rank 1] why\n");
  const auto ends = attempt.ends();
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].signal, SIGTERM);
  EXPECT_TRUE(ends[0].was_told);
  EXPECT_EQ(ends[1].code, 3);
  EXPECT_FALSE(ends[1].was_told);
  EXPECT_EQ(ends[1].last_line, "why");
  EXPECT_LE(ends[1].seconds, ends[0].seconds);
  EXPECT_EQ(attempt.passed_on(), 0);
}

}  // namespace
}  // namespace precinct::launch
