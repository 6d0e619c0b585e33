// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/measured_communicator.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/parallel/ranks.h"

namespace precinct::scaling {
namespace {

using parallel::World;
using test::run_ranks;

TEST(MeasuredCommunicator, DoesWhatItsGroupDoesAndCountsWhatIsSent) {
  run_ranks(2, [](World& world) {
    CommunicationMeter meter;
    MeasuredCommunicator group(world.communicator(), meter);
    const int other = 1 - group.rank();
    EXPECT_STREQ(group.backend(), "gloo");
    at::Tensor x = at::full({10}, group.rank() + 1.0F);
    group.all_reduce(x).wait();
    EXPECT_TRUE(at::equal(x, at::full({10}, 3.0F)));
    EXPECT_EQ(meter.bytes, 40);
    at::Tensor all = at::empty({2, 3});
    group.all_gather(all, at::full({1, 3}, static_cast<float>(group.rank()))).wait();
    EXPECT_EQ(all[1][2].item<float>(), 1);
    EXPECT_EQ(meter.bytes, 52);
    at::Tensor part = at::empty({3});
    group.reduce_scatter(part, at::ones({6})).wait();
    EXPECT_TRUE(at::equal(part, at::full({3}, 2.0F)));
    EXPECT_EQ(meter.bytes, 76);
    at::Tensor got = at::empty({5});
    if (group.rank() == 0) {
      group.send(at::full({5}, 7.0F), other).wait();
      group.recv(got, other).wait();
    } else {
      group.recv(got, other).wait();
      group.send(at::full({5}, 7.0F), other).wait();
    }
    EXPECT_TRUE(at::equal(got, at::full({5}, 7.0F)));
    EXPECT_EQ(meter.bytes, 96) << "the send alone";
    group
        .batch_p2p({{parallel::Operation::kSend, at::ones({5}), other},
                    {parallel::Operation::kRecv, got, other}})
        .wait();
    EXPECT_TRUE(at::equal(got, at::ones({5})));
    EXPECT_EQ(meter.bytes, 116);
    at::Tensor swapped = at::empty({2});
    group.all_to_all(swapped, at::full({2}, static_cast<float>(group.rank()))).wait();
    EXPECT_EQ(swapped[other].item<float>(), static_cast<float>(other));
    group.broadcast(x = at::full({2}, static_cast<float>(group.rank())), 1).wait();
    EXPECT_EQ(x[0].item<float>(), 1);
    EXPECT_EQ(meter.bytes, 124 + (group.rank() == 1 ? 8 : 0));
    const auto calls = meter.calls;
    const auto axis = group.subgroup("axis", {0, 1});
    axis->barrier().wait();
    axis->all_reduce(x).wait();
    EXPECT_EQ(x[0].item<float>(), 2);
    EXPECT_EQ(meter.calls, calls + 2) << "a group made of it is counted too";
    group.compare_calls();
  });
}

/// Rank 1 comes 200 ms late, as planted; rank 0 waits for it.
TEST(MeasuredCommunicator, CountsTheTimeThatIsWaitedNotTheTimeBetween) {
  run_ranks(2, [](World& world) {
    CommunicationMeter meter;
    MeasuredCommunicator group(world.communicator(), meter);
    group.barrier().wait();
    meter.seconds = 0;
    if (group.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    at::Tensor x = at::ones({4});
    auto work = group.all_reduce(x);
    const double started = meter.seconds;
    work.wait();
    if (group.rank() == 0) {
      EXPECT_GE(meter.seconds, 0.15);
    }
    if (group.rank() == 1) {
      EXPECT_LT(meter.seconds, 0.15);
    }
    EXPECT_GE(meter.seconds, started);
  });
}

}  // namespace
}  // namespace precinct::scaling
