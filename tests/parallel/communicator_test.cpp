// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <torch/torch.h>

#include <thread>

#include "base/error.h"
#include "parallel/call_record.h"
#include "parallel/fake_communicator.h"
#include "parallel/local_communicator.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using test::run_ranks;

torch::Tensor filled(std::vector<std::int64_t> sizes, double value,
                     torch::Dtype type = torch::kFloat32) {
  return torch::full(sizes, value, type);
}

/// Every collective against values computed here.
void check_collectives(Communicator& group) {
  const int n = group.size(), r = group.rank();
  const double sum = n * (n + 1) / 2.0;
  for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kInt64, torch::kBFloat16}) {
    auto x = filled({3, 5}, r + 1, type);
    group.all_reduce(x).wait();
    EXPECT_TRUE(torch::equal(x, filled({3, 5}, sum, type))) << c10::toString(type);
  }
  auto x = filled({4}, r);
  group.all_reduce(x, ReduceOp::kMax).wait();
  EXPECT_TRUE(torch::equal(x, filled({4}, n - 1)));
  x = filled({4}, r);
  group.all_reduce(x, ReduceOp::kMin).wait();
  EXPECT_TRUE(torch::equal(x, filled({4}, 0)));
  for (int root = 0; root < n; ++root) {
    x = filled({7}, 10 + r);
    group.broadcast(x, root).wait();
    EXPECT_TRUE(torch::equal(x, filled({7}, 10 + root)));
  }
  auto all = torch::empty({n, 2, 3});
  group.all_gather(all, filled({2, 3}, r)).wait();
  for (int i = 0; i < n; ++i) EXPECT_TRUE(torch::equal(all[i], filled({2, 3}, i)));
  // row i of the input of rank r is r + 10 i: the sum over r at rank i is n (n - 1) / 2 + 10 i n
  auto part = torch::empty({1, 4});
  group
      .reduce_scatter(
          part,
          10 * torch::arange(n).view({n, 1}).expand({n, 4}).to(torch::kFloat32).contiguous() + r)
      .wait();
  EXPECT_TRUE(torch::equal(part, filled({1, 4}, n * (n - 1) / 2.0 + 10.0 * r * n)));
  auto out = torch::empty({n, 2});
  group
      .all_to_all(
          out,
          (100 * r + torch::arange(n)).view({n, 1}).expand({n, 2}).to(torch::kFloat32).contiguous())
      .wait();
  for (int i = 0; i < n; ++i) EXPECT_EQ(out[i][1].item<float>(), static_cast<float>(100 * i + r));
  // rank i gives i + j rows to rank j
  std::vector<std::int64_t> gives, takes;
  std::int64_t num_in = 0, num_out = 0;
  for (int j = 0; j < n; ++j) {
    gives.push_back(r + j);
    takes.push_back(j + r);
    num_in += r + j;
    num_out += j + r;
  }
  auto rows = torch::full({num_out, 3}, -1.0F);
  group.all_to_all(rows, filled({num_in, 3}, r), takes, gives).wait();
  std::int64_t at = 0;
  for (int j = 0; j < n; ++j)
    for (int k = 0; k < j + r; ++k) EXPECT_EQ(rows[at++][0].item<float>(), static_cast<float>(j));
  auto none = torch::empty({0});
  group.all_reduce(none).wait();
  group.barrier().wait();
}

void check_messages(Communicator& group, int rounds) {
  const int n = group.size(), r = group.rank();
  if (n == 1) return;
  const int next = (r + 1) % n, before = (r + n - 1) % n;
  for (int round = 0; round < rounds; ++round) {
    // sends first on all ranks, and waited for first: a rendezvous in order would lock up
    auto in = torch::empty({6});
    Work sent = group.send(filled({6}, 10 * round + r), next, 3);
    Work received = group.recv(in, before, 3);
    sent.wait();
    received.wait();
    EXPECT_TRUE(torch::equal(in, filled({6}, 10 * round + before)));
  }
  auto a = torch::empty({2}), b = torch::empty({2}, torch::kInt64);
  group
      .batch_p2p({{Operation::kSend, filled({2}, r), next, 1},
                  {Operation::kSend, filled({2}, r, torch::kInt64), before, 2},
                  {Operation::kRecv, a, before, 1},
                  {Operation::kRecv, b, next, 2}})
      .wait();
  EXPECT_TRUE(torch::equal(a, filled({2}, before)));
  EXPECT_TRUE(torch::equal(b, filled({2}, next, torch::kInt64)));
}

class Worlds : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Worlds, ::testing::Values(1, 2, 3, 4));

TEST_P(Worlds, CollectivesMessagesAndGroupsGiveTheExpectedValues) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& all = world.communicator();
    check_collectives(all);
    check_messages(all, 2);
    // the second round is past the checked calls
    for (int i = 0; i < 25; ++i) {
      auto x = filled({2}, 1);
      all.all_reduce(x).wait();
    }
    check_collectives(all);
    check_messages(all, 25);
    const int r = all.rank(), n = all.size();
    auto parity = all.split("parity", r % 2, -r);  // the highest rank comes first
    EXPECT_EQ(parity->size(), (n + (r % 2 == 0 ? 1 : 0)) / 2);
    EXPECT_EQ(parity->name(), "parity");
    auto x = filled({1}, r);
    parity->broadcast(x, 0).wait();
    EXPECT_EQ(x.item<int>(), n - 1 - (n - 1 - r) % 2);
    check_collectives(*parity);
    // a group cut from a group, and both at work at once
    auto lone = parity->split("lone", parity->rank(), 0);
    check_collectives(*lone);
    auto y = filled({1}, 1), z = filled({1}, 1);
    Work one = all.all_reduce(y), two = parity->all_reduce(z);
    two.wait();
    one.wait();
    EXPECT_EQ(y.item<int>(), n);
    EXPECT_EQ(z.item<int>(), parity->size());
    all.compare_calls();
  });
}

TEST(Communicator, StoreOfRankZeroServesTheWorld) {
  run_ranks(2,
            [](World& world) {
              auto x = filled({2}, 1);
              world.communicator().all_reduce(x).wait();
              EXPECT_EQ(x[0].item<int>(), 2);
              EXPECT_FALSE(world.context().launcher_holds_store);
              world.store()->set("k" + std::to_string(world.rank()), "v");
              EXPECT_EQ(world.store()->get(world.rank() == 0 ? "k1" : "k0", 5s), "v");
              EXPECT_EQ(world.store()->get("never", 1ms), std::nullopt);
            },
            {.rank0_holds_store = true});
}

TEST(Communicator, TrafficIsCounted) {
  LocalCommunicator group("one");
  auto x = torch::zeros({10});
  group.all_reduce(x).wait();
  group.all_reduce(x).wait();
  group.broadcast(x, 0).wait();
  EXPECT_EQ(group.traffic().calls, 3U);
  EXPECT_EQ(group.traffic().bytes, 120);
  EXPECT_EQ(group.traffic().of(Operation::kAllReduce), 2U);
}

TEST(Communicator, HashTellsCallsOrdersAndStepsApart) {
  const auto hash_of = [](const std::function<void(Communicator&)>& body) {
    LocalCommunicator group("one");
    body(group);
    return group.call_hash();
  };
  auto a = torch::zeros({2}), b = torch::zeros({3}), c = torch::zeros({2}, torch::kFloat64);
  const auto ab = [&](Communicator& g) { g.all_reduce(a).wait(), g.all_reduce(b).wait(); };
  const auto ba = [&](Communicator& g) { g.all_reduce(b).wait(), g.all_reduce(a).wait(); };
  const auto cb = [&](Communicator& g) { g.all_reduce(c).wait(), g.all_reduce(b).wait(); };
  const auto noted = [&](Communicator& g) { g.note(1), ab(g); };
  EXPECT_EQ(hash_of(ab), hash_of(ab));
  EXPECT_NE(hash_of(ab), hash_of(ba));
  EXPECT_NE(hash_of(ab), hash_of(cb));
  EXPECT_NE(hash_of(ab), hash_of(noted));
}

TEST(Communicator, RefusesTensorsThatCannotBe) {
  FakeCommunicator group("g", 0, 2);
  auto x = torch::zeros({4, 4});
  EXPECT_THROW(group.all_reduce(x.t()).wait(), ShapeError);
  EXPECT_THROW(group.all_reduce(torch::Tensor()).wait(), ShapeError);
  EXPECT_THROW(group.broadcast(x, 2).wait(), ShapeError);
  EXPECT_THROW(group.all_gather(torch::zeros({3}), torch::zeros({2})).wait(), ShapeError);
  EXPECT_THROW(group.reduce_scatter(torch::zeros({2}), torch::zeros({3})).wait(), ShapeError);
  EXPECT_THROW(group.all_to_all(torch::zeros({3}), torch::zeros({4})).wait(), ShapeError);
  EXPECT_THROW(group.all_to_all(torch::zeros({4}), torch::zeros({4}), {1, 2}, {2, 2}).wait(),
               ShapeError);
  EXPECT_THROW(group.send(x, 0).wait(), ShapeError);
  EXPECT_THROW(group.subgroup("s", {1}), ShapeError);
  EXPECT_THROW(group.subgroup("s", {0, 0}), ShapeError);
}

TEST(FakeCommunicator, RanksPlayedOneAfterAnotherGetEachOthersMessages) {
  const auto mail = std::make_shared<FakeMail>();
  FakeCommunicator first("world", 0, 3, mail), second("world", 1, 3, mail);
  for (const double value : {1.0, 2.0}) first.send(torch::full({2}, value), 1, 7).wait();
  first.send(torch::full({2}, 3.0), 1, 8).wait();
  std::vector<double> got;
  for (const int tag : {8, 7, 7, 7}) {
    const auto tensor = torch::full({2}, -1.0);
    second.recv(tensor, 0, tag).wait();
    got.push_back(tensor[1].item<double>());
  }
  EXPECT_EQ(got, (std::vector<double>{3, 1, 2, 0}));

  first.broadcast(torch::full({2}, 4.0), 0).wait();
  FakeCommunicator third("world", 2, 3, mail);
  for (FakeCommunicator* rank : {&second, &third}) {
    const auto tensor = torch::full({2}, -1.0);
    rank->broadcast(tensor, 0).wait();
    EXPECT_EQ(tensor[1].item<double>(), 4);
    rank->broadcast(tensor, 0).wait();
    EXPECT_EQ(tensor[1].item<double>(), 0);
  }
}

TEST(FakeCommunicator, WritesDownWhatAJobOfAnySizeWouldSend) {
  FakeCommunicator all("world", 5, 64);
  auto tp = all.subgroup("tp", {4, 5, 6, 7});
  EXPECT_EQ(tp->rank(), 1);
  auto x = torch::ones({8}), whole = torch::empty({4, 8});
  tp->all_gather(whole, x).wait();
  EXPECT_TRUE(torch::equal(whole, torch::ones({4, 8})));
  tp->send(x, 3, 9).wait();
  all.all_reduce(x).wait();
  tp->recv(x, 0, 9).wait();
  EXPECT_EQ(x.sum().item<float>(), 0);
  const auto calls = all.calls();
  ASSERT_EQ(calls.size(), 4U);
  EXPECT_EQ(calls[0].group, "tp");
  EXPECT_EQ(calls[0].members, (std::vector<int>{4, 5, 6, 7}));
  EXPECT_EQ(calls[0].record.bytes, 32);
  EXPECT_EQ(calls[1].peer, 7);
  EXPECT_EQ(calls[2].members.size(), 64U);
  EXPECT_EQ(calls[2].record.text(), "all_reduce(sum) [8] float32");
  EXPECT_EQ(tp->traffic().calls, 3U);
}

}  // namespace
}  // namespace precinct::parallel
