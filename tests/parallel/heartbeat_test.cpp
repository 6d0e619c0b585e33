// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/heartbeat.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "parallel/world.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::error_of;
using test::run_ranks;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// One rank of a made-up job, all in this process: a heartbeat over a real store.
class Rank {
 public:
  Rank(std::uint16_t port, int rank, int size)
      : heartbeat_(JobLife::of_job("127.0.0.1", port, 0, 5s), progress,
                   {rank, size, 100ms, 2s, 60s}, [this](const std::string& text) {
                     const std::lock_guard lock(mutex_);
                     verdict_ = text;
                     changed_.notify_all();
                   }) {}
  /// What it was told, at most `limit` from now on; empty when nothing.
  std::string verdict(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return !verdict_.empty(); });
    return verdict_;
  }

  const std::shared_ptr<Progress> progress = std::make_shared<Progress>();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string verdict_;
  Heartbeat heartbeat_;  // last: its thread uses the others
};

class HeartbeatTest : public testing::Test {
 protected:
  StoreServer server_{"127.0.0.1", 0};
};

/// Both ranks have been through a few steps; then rank 0 waits for rank 1, which does nothing.
TEST_F(HeartbeatTest, ARankThatLivesButDoesNotMoveIsNamedToAll) {
  Rank zero(server_.port(), 0, 2), one(server_.port(), 1, 2);
  for (int i = 0; i < 3; ++i) one.progress->enter(i % 2 == 0 ? "data" : "step", i);
  const Progress::Wait wait(*zero.progress, {"all_reduce #9 (dp)", {0, 1}});
  const auto text = one.verdict(5s);
  EXPECT_EQ(text, zero.verdict(5s));
  EXPECT_TRUE(holds(text, "rank 1 (")) << text;
  EXPECT_TRUE(holds(text,
                    "expected to join all_reduce #9 (dp) like rank 0, found it without "
                    "progress in phase data of step 2"))
      << text;
}

TEST_F(HeartbeatTest, WhoWaitsWithTheOthersIsNotNamed) {
  Rank zero(server_.port(), 0, 2), one(server_.port(), 1, 2);
  one.progress->enter("data", 0);
  one.progress->enter("data", 1);
  const Progress::Wait wait(*zero.progress, {"all_reduce #9 (dp)", {0, 1}});
  const Progress::Wait also(*one.progress, {"all_reduce #9 (dp)", {0, 1}});
  EXPECT_EQ(zero.verdict(1s), "") << "the messages are slow: that is for the call's timeout";
}

TEST_F(HeartbeatTest, ARankWithoutSignsOfLifeIsNamedOnlyWhenItsLauncherSeesItStopped) {
  Rank zero(server_.port(), 0, 2);
  auto launcher = JobLife::of_job("127.0.0.1", server_.port(), 0, 5s);
  Beat last;
  last.number = 1;
  last.host = "node02";
  last.phase = "step";
  last.waits_for = "all_reduce #8 (dp)";
  last.usual["step"] = {10, 0.001, 0.002};
  launcher.beat(1, last);
  const Progress::Wait wait(*zero.progress, {"all_reduce #9 (dp)", {0, 1}});
  EXPECT_EQ(zero.verdict(1s), "");
  launcher.set_held(1, true);
  const auto text = zero.verdict(5s);
  EXPECT_TRUE(holds(text, "rank 1 (node02")) << text;
  EXPECT_TRUE(holds(text, "stopped by a signal in phase step")) << text;
}

TEST_F(HeartbeatTest, CallsThatDifferAreFoundWithoutAWait) {
  Rank zero(server_.port(), 0, 2), one(server_.port(), 1, 2);
  auto add = [](Rank& rank, const char* shape) {
    auto calls = std::make_shared<CallHistory>();
    CallHash hash;
    for (std::uint64_t i = 1; i <= 30; ++i) {
      CallRecord record{Operation::kAllReduce, i, i == 25 ? shape : "[4] float32", 16, "sum"};
      hash.add(record);
      calls->add(record, hash.value());
    }
    rank.progress->add({"dp", "dp", calls});
  };
  add(zero, "[4] float32");
  add(one, "[2, 2] float32");
  const auto text = zero.verdict(5s);
  EXPECT_TRUE(holds(text, "group dp, call #25: expected the same call on all ranks")) << text;
  EXPECT_TRUE(holds(text, "all_reduce(sum) [4] float32 on rank 0")) << text;
  EXPECT_TRUE(holds(text, "all_reduce(sum) [2, 2] float32 on rank 1")) << text;
}

/// The ranks take two groups in another order; each waits in a call that the other never makes.
TEST(HeartbeatRanks, CallsOfTwoGroupsInAnotherOrderEndSoonWithBothSides) {
  test::RankOptions options;
  options.connect.timeout = 60s;
  options.connect.heartbeat = 500ms;
  options.shutdown = false;
  for (const int calls_before : {2, 40}) {  // among those compared one by one, and after them
    run_ranks(
        2,
        [calls_before](World& world) {
          const auto dp = world.communicator().split("dp", 0, world.rank());
          auto x = torch::ones({8}), y = torch::ones({4});
          for (int i = 0; i < calls_before; ++i) {
            dp->all_reduce(x).wait();
            world.communicator().all_reduce(y).wait();
          }
          const auto begin = Clock::now();
          const auto text = error_of<CommError>([&] {
            if (world.rank() == 0) dp->all_reduce(x).wait();
            world.communicator().all_reduce(y).wait();
          });
          EXPECT_LT(Clock::now() - begin, 5s);
          EXPECT_TRUE(holds(text, "[8] float32) and rank 1 waiting in all_reduce #") ||
                      holds(text, "[4] float32) and rank 0 waiting in all_reduce #"))
              << text;
          for (const char* part :
               {"(dp, 32 B, sum, [8] float32)", "(world, 16 B, sum, [4] float32)"})
            EXPECT_TRUE(holds(text, part)) << text;
        },
        options);
  }
}

/// The one that found it out ends before this rank's heartbeat looks.
TEST(HeartbeatRanks, TheVerdictIsFoundByAFailingCallToo) {
  test::RankOptions options;
  options.connect.heartbeat = 60s;
  options.connect.checked_calls = 1;  // a comparison waits in the store, not for the peer
  options.shutdown = false;
  run_ranks(
      2,
      [](World& world) {
        auto x = torch::ones({8});
        world.communicator().all_reduce(x).wait();
        if (world.rank() == 1) {
          const auto& context = world.context();
          JobLife::of_job(context.store_address(), context.master_port, context.restart_count, 5s)
              .declare("rank 1: expected this, found that; do this");
          std::_Exit(0);
        }
        const auto text = error_of<CommError>([&] {
          while (true) world.communicator().all_reduce(x).wait();
        });
        EXPECT_TRUE(holds(text, "given up: rank 1: expected this, found that; do this")) << text;
      },
      options);
}

test::RankOptions with_heartbeat(std::chrono::milliseconds every) {
  test::RankOptions options;
  options.connect.heartbeat = every;
  options.shutdown = false;
  return options;
}

/// A dead-lock in one rank of three, in real processes.
TEST(HeartbeatRanks, ADeadLockEndsAllWithTheSameWords) {
  run_ranks(
      3,
      [](World& world) {
        auto tensor = torch::ones({4});
        for (int step = 0; step < 30; ++step) {
          world.progress().enter("step", step);
          world.communicator().all_reduce(tensor).wait();
        }
        const auto hang = [&] {
          world.progress().enter("step", 30);
          if (world.rank() == 2) world.store()->get("a lock that nobody gives back", 4s);
          world.communicator().all_reduce(tensor).wait();
        };
        const auto begin = Clock::now();
        const auto text = error_of<CommError>(hang);
        EXPECT_TRUE(holds(text, "rank 2 (")) << text;
        EXPECT_TRUE(holds(text, "in phase step of step 30")) << text;
        EXPECT_TRUE(holds(text, "last call all_reduce(sum) [4] float32 #30 (world)")) << text;
        EXPECT_LT(Clock::now() - begin, world.rank() == 2 ? 5s : 3s);
      },
      with_heartbeat(500ms));
}

TEST(HeartbeatRanks, StepsFiveTimesSlowerThanTheMeanAreNoAlarm) {
  run_ranks(
      2,
      [](World& world) {
        auto tensor = torch::ones({4});
        std::condition_variable never;
        std::mutex mutex;
        std::unique_lock lock(mutex);
        for (int step = 0; step < 40; ++step) {
          world.progress().enter("step", step);
          const bool is_slow = step % 10 == 9 && world.rank() == step / 10 % 2;
          never.wait_for(lock, is_slow ? 250ms : 50ms);  // the work
          world.communicator().all_reduce(tensor).wait();
        }
        world.shutdown();
      },
      with_heartbeat(100ms));
}

/// T9 beyond the calls that are compared one by one: what Gloo would take without a word.
TEST(HeartbeatRanks, AnotherOperationIsFoundAndNoResultIsTaken) {
  run_ranks(
      2,
      [](World& world) {
        auto& group = world.communicator();
        const auto train = [&] {
          for (int step = 0;; ++step) {
            auto tensor = torch::ones({4});
            const bool is_odd = step == 40 && world.rank() == 1;
            group.all_reduce(tensor, is_odd ? ReduceOp::kMax : ReduceOp::kSum).wait();
          }
        };
        const auto text = error_of<CommError>(train);
        EXPECT_TRUE(holds(text, "all_reduce(max) [4] float32 on rank 1")) << text;
        EXPECT_TRUE(holds(text, "all_reduce(sum) [4] float32 on rank 0")) << text;
        EXPECT_TRUE(holds(text, "call #41")) << text;
        EXPECT_ANY_THROW(group.all_reduce(torch::ones({4})).wait());
      },
      with_heartbeat(200ms));
}

}  // namespace
}  // namespace precinct::parallel
