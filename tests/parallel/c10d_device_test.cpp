// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// The rules of NCCL, without a GPU: a backend that keeps them takes tensors of the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <future>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "parallel/c10d_communicator.h"
#include "parallel/c10d_internal.h"
#include "parallel/world.h"
#include "tests/parallel/c10d_ordered_backend.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using test::ends_of_ordered_backends;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

/// As test::run_ranks, with the backend for all tensors.
void run_device_ranks(int size, const std::function<void(World&)>& body,
                      ConnectOptions connect = {}, bool shutdown = true) {
  test::use_ordered_backend();
  test::RankOptions options;
  if (connect.timeout == 60s) connect.timeout = 20s;
  options.connect = connect;
  options.connect.device_index = 0;
  options.shutdown = shutdown;
  test::run_ranks(size, body, options);
}

torch::Tensor floats(std::vector<std::int64_t> sizes, double value) {
  return torch::full(sizes, value);
}

TEST(DeviceBackend, CollectivesGiveTheExpectedValues) {
  run_device_ranks(3, [](World& world) {
    auto& group = world.communicator();
    const int n = group.size(), r = group.rank();
    EXPECT_STREQ(group.backend(), "nccl");
    for (int round = 0; round < 8; ++round) {  // past the compared calls
      auto x = floats({3, 5}, r + 1);
      group.all_reduce(x).wait();
      EXPECT_TRUE(torch::equal(x, floats({3, 5}, 6)));
      group.broadcast(x.fill_(r), 2).wait();
      EXPECT_TRUE(torch::equal(x, floats({3, 5}, 2)));
      auto all = torch::empty({n, 2}), part = torch::empty({1, 4}), out = torch::empty({n, 2});
      group.all_gather(all, floats({2}, r)).wait();
      group
          .reduce_scatter(part, torch::arange(n).view({n, 1}).expand({n, 4}).to(torch::kFloat32) +
                                    r * torch::ones({n, 4}))
          .wait();
      group.all_to_all(out, floats({n, 2}, r)).wait();
      group.barrier().wait();
      for (int i = 0; i < n; ++i) {
        EXPECT_TRUE(torch::equal(all[i], floats({2}, i)));
        EXPECT_TRUE(torch::equal(out[i], floats({2}, i)));
      }
      EXPECT_TRUE(torch::equal(part, floats({1, 4}, 3.0 * r + 3)));
    }
  });
}

/// Both ranks send and take in one batch, each in another order; later messages are not compared.
TEST(DeviceBackend, MessagesOfABatchMeetByTheirTagsAndTogether) {
  run_device_ranks(2, [](World& world) {
    auto& group = world.communicator();
    const int peer = 1 - group.rank();
    for (int round = 0; round < 25; ++round) {
      const auto own = floats({1000}, 10 * group.rank() + round);
      auto first = torch::zeros({1000}), second = torch::zeros({3});
      std::vector<PointToPoint> batch = {{Operation::kSend, own, peer, 4},
                                         {Operation::kRecv, first, peer, 4},
                                         {Operation::kSend, own.slice(0, 0, 3), peer, 2},
                                         {Operation::kRecv, second, peer, 2}};
      if (group.rank() == 1) std::reverse(batch.begin(), batch.end());
      group.batch_p2p(batch).wait();
      EXPECT_TRUE(torch::equal(first, floats({1000}, 10 * peer + round)));
      EXPECT_TRUE(torch::equal(second, floats({3}, 10 * peer + round)));
      auto single = floats({2}, round);
      if (group.rank() == 0) {
        group.send(single, peer, 7).wait();
      } else {
        group.recv(single.zero_(), peer, 7).wait();
        EXPECT_TRUE(torch::equal(single, floats({2}, round)));
      }
    }
  });
}

/// One batch gives and takes, the other rank needs what it gets before it gives: as in a pipeline
/// between the last forward pass and the first backward pass.
TEST(DeviceBackend, ABatchMayTakeWhatDependsOnWhatItGives) {
  run_device_ranks(2, [](World& world) {
    auto& group = world.communicator();
    auto x = floats({4}, 1), y = torch::zeros({4});
    if (group.rank() == 0) group.send(x, 1, 0).wait();  // so that only one of the two is compared
    if (group.rank() == 1) group.recv(y, 0, 0).wait();
    for (int round = 0; round < 25; ++round) {
      x.fill_(round);
      if (group.rank() == 0) {
        group.batch_p2p({{Operation::kSend, x, 1, 0}, {Operation::kRecv, y, 1, 1}}).wait();
        EXPECT_TRUE(torch::equal(y, floats({4}, 2 * round)));
      } else {
        group.batch_p2p({{Operation::kRecv, y, 0, 0}}).wait();
        group.batch_p2p({{Operation::kSend, 2 * y, 0, 1}}).wait();
      }
    }
  });
}

/// What a batch takes from one sender stays in the order of the tags when its first message has to
/// wait and its second would not.
TEST(DeviceBackend, AMessageThatWaitsHoldsThoseBehindIt) {
  run_device_ranks(2, [](World& world) {
    auto& group = world.communicator();
    auto x = floats({2}, 1), first = torch::zeros({4}), second = torch::zeros({1000});
    for (int i = 0; i < 20; ++i) {  // from here on the messages of tag 5 are not compared
      if (group.rank() == 0) group.recv(second, 1, 5).wait();
      if (group.rank() == 1) group.send(second, 0, 5).wait();
    }
    if (group.rank() == 0) {
      group
          .batch_p2p({{Operation::kSend, x, 1, 0},
                      {Operation::kRecv, first, 1, 3},
                      {Operation::kRecv, second, 1, 5}})
          .wait();
      EXPECT_TRUE(torch::equal(first, floats({4}, 3)));
      EXPECT_TRUE(torch::equal(second, floats({1000}, 5)));
    } else {
      group.recv(x, 0, 0).wait();
      group
          .batch_p2p({{Operation::kSend, floats({4}, 3), 0, 3},
                      {Operation::kSend, floats({1000}, 5), 0, 5}})
          .wait();
    }
  });
}

TEST(DeviceBackend, MessagesOfOtherSizesAreNamedBeforeTheyArePosted) {
  run_device_ranks(
      2,
      [](World& world) {
        auto& group = world.communicator();
        const auto text = error_of<CommError>([&] {
          auto x = torch::zeros({group.rank() == 0 ? 3 : 4});
          const auto operation = group.rank() == 0 ? Operation::kSend : Operation::kRecv;
          group.batch_p2p({{operation, x, 1 - group.rank(), 0}}).wait();
        });
        EXPECT_THAT(text, HasSubstr("send [3] float32 on rank 0 and recv [4] float32 on rank 1"));
      },
      {}, /*shutdown=*/false);
}

TEST(DeviceBackend, AShutdownEndsEachGroupOnceTheLastOneFirst) {
  run_device_ranks(2, [](World& world) {
    auto pair = world.communicator().subgroup("pair", {0, 1});
    auto x = torch::ones({2});
    pair->all_reduce(x).wait();
    world.communicator().all_reduce(x).wait();
    world.shutdown();
    EXPECT_THAT(ends_of_ordered_backends(), ElementsAre("shutdown pair", "shutdown world"));
    pair.reset();
    EXPECT_THAT(ends_of_ordered_backends(), ElementsAre("shutdown pair", "shutdown world"));
  });
}

TEST(DeviceBackend, AGroupThatIsGivenUpIsAbortedAndNoResultIsTaken) {
  run_device_ranks(
      2,
      [](World& world) {
        auto& group = world.communicator();
        auto x = torch::ones({4});
        for (int i = 0; i < 25; ++i) group.all_reduce(x).wait();
        if (world.rank() == 0) {
          auto work = group.all_reduce(x);  // the other rank never comes
          auto waiting = std::async(std::launch::async, [&] {
            while (!world.progress().snapshot().is_waiting) std::this_thread::yield();
            world.abort("rank 1 is lost");
          });
          EXPECT_THAT(error_of<CommError>([&] { work.wait(); }), HasSubstr("rank 1 is lost"));
          waiting.get();
          EXPECT_THAT(error_of<CommError>([&] { group.all_reduce(x).wait(); }),
                      HasSubstr("rank 1 is lost"));
          EXPECT_THAT(ends_of_ordered_backends(), ElementsAre("abort world"));
        }
        world.store()->set(fmt::format("seen/{}", world.rank()), "1");
        EXPECT_TRUE(world.store()->get("seen/0", 20s));
      },
      {}, /*shutdown=*/false);
}

TEST(DeviceBackend, ALateRankIsATimeoutThatNamesTheCall) {
  run_device_ranks(
      2,
      [](World& world) {
        auto& group = world.communicator();
        auto x = torch::ones({4});
        for (int i = 0; i < 20; ++i) group.all_reduce(x).wait();
        if (world.rank() == 0) {
          const auto text = error_of<CommError>([&] { group.all_reduce(x).wait(300ms); });
          EXPECT_THAT(text, HasSubstr("all_reduce #21 (world"));
          EXPECT_THAT(text, HasSubstr("within 0.3 s"));
          EXPECT_THAT(ends_of_ordered_backends(), ElementsAre("abort world"));
        }
        world.store()->set(fmt::format("seen/{}", world.rank()), "1");
        EXPECT_TRUE(world.store()->get("seen/0", 20s));
      },
      {}, /*shutdown=*/false);
}

/// A maker that never comes back: no end before the promise is broken.
c10::intrusive_ptr<c10d::Backend> never(const DeviceGroup&) {
  static std::promise<void> end;
  end.get_future().wait();
  return nullptr;
}
c10::intrusive_ptr<c10d::Backend> fails(const DeviceGroup&) {
  throw std::runtime_error("no GPUs found!\nand a stack of frames");
}
c10::intrusive_ptr<c10d::Backend> refuses(const DeviceGroup&) {
  throw ConfigError("A_VARIABLE: expected 0, found 1; unset it");
}

TEST(DeviceBackend, AFirstConnectionThatFailsOrHangsIsAnErrorInOneLine) {
  const auto with = [](const DeviceBackendMaker& maker) {
    device_backend_maker().store(&maker);
    connect(ProcessContext{},
            {.device_index = 0, .device_connect_timeout = 300ms, .connect_alone = true});
  };
  static const DeviceBackendMaker hangs{&never}, throws{&fails}, config{&refuses};
  const auto late = error_of<CommError>([&] { with(hangs); });
  EXPECT_THAT(late, HasSubstr("group world: expected that the GPUs of all 1 ranks connect within "
                              "0.3 s, found it still waiting"));
  const auto text = error_of<CommError>([&] { with(throws); });
  EXPECT_THAT(text, HasSubstr("found 'no GPUs found!'; "));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_THAT(error_of<ConfigError>([&] { with(config); }), HasSubstr("A_VARIABLE"));
  device_backend_maker().store(nullptr);
}

}  // namespace
}  // namespace precinct::parallel
