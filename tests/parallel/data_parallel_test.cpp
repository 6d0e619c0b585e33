// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/data_parallel.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/small_net.h"

namespace precinct::parallel {
namespace {

using test::error_of;
using test::largest_difference;
using test::run_ranks;
using test::slice_of;
using test::SmallNet;

struct Data {
  torch::Tensor x, y;
};

Data made_data(std::int64_t rows) {
  torch::manual_seed(11);
  return {torch::randn({rows, 24}, torch::kFloat64), torch::randn({rows, 1}, torch::kFloat64)};
}

torch::Tensor mean_loss(SmallNet& net, const Data& data, std::int64_t first, std::int64_t end) {
  return torch::mse_loss(net.forward(data.x.slice(0, first, end)), data.y.slice(0, first, end));
}

class DataParallelWorlds : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, DataParallelWorlds, ::testing::Values(1, 2, 3, 4));

TEST_P(DataParallelWorlds, TrainsAsOneProcessWouldFromOtherWeightsAndWithUnevenParts) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& all = world.communicator();
    const std::int64_t rows = 13;  // no multiple of 2, 3 or 4
    const Data data = made_data(rows);
    SmallNet net(torch::kFloat64, 24, 100 + static_cast<std::uint64_t>(all.rank()));
    SmallNet serial(torch::kFloat64, 24, 100);  // rank 0's
    DataParallel ddp(net, all, {.bucket_bytes = 4000, .verify_every = 2});
    EXPECT_EQ(largest_difference(net.parameters(), serial.parameters()), 0);
    torch::optim::AdamW optimizer(net.parameters(), torch::optim::AdamWOptions(1e-3));
    torch::optim::AdamW reference(serial.parameters(), torch::optim::AdamWOptions(1e-3));
    const auto [first, end] = slice_of(rows, all.rank(), all.size());
    for (int step = 0; step < 6; ++step) {
      optimizer.zero_grad();
      const auto loss = ddp.forward_loss(
          [&, first = first, end = end] { return mean_loss(net, data, first, end); },
          static_cast<double>(end - first));
      loss.backward();
      optimizer.step();
      reference.zero_grad();
      const auto expected = mean_loss(serial, data, 0, rows);
      expected.backward();
      reference.step();
      EXPECT_NEAR(ddp.global_loss(loss), expected.item<double>(), 1e-12);
    }
    EXPECT_LE(largest_difference(net.parameters(), serial.parameters()), 1e-10);
    ddp.verify_parameters();
    EXPECT_EQ(ddp.num_steps(), 6);
  });
}

TEST(DataParallel, RanksThatRunOutTakePartWithoutData) {
  run_ranks(3, [](World& world) {
    const std::array<std::int64_t, 4> border = {0, 7, 12, 12};  // shards of 7, 5 and 0 windows
    const Data data = made_data(12);
    SmallNet net(torch::kFloat64), serial(torch::kFloat64);
    DataParallel ddp(net, world.communicator());
    const auto r = static_cast<std::size_t>(world.rank());
    const std::int64_t batch = 3;  // batches of 3 3 1, 3 2, none
    for (std::int64_t step = 0; step < 3; ++step) {
      net.zero_grad();
      serial.zero_grad();
      const std::int64_t first = std::min(border[r] + batch * step, border[r + 1]);
      const std::int64_t end = std::min(first + batch, border[r + 1]);
      bool ran = false;
      const auto loss = ddp.forward_loss(
          [&] {
            ran = true;
            return mean_loss(net, data, first, end);
          },
          static_cast<double>(end - first));
      EXPECT_EQ(ran, end > first);
      loss.backward();
      // one process over the same windows
      torch::Tensor sum;
      std::int64_t count = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        const std::int64_t a = std::min(border[k] + batch * step, border[k + 1]);
        const std::int64_t b = std::min(a + batch, border[k + 1]);
        if (b == a) continue;
        const auto part = mean_loss(serial, data, a, b) * static_cast<double>(b - a);
        sum = sum.defined() ? sum + part : part;
        count += b - a;
      }
      (sum / count).backward();
      std::vector<torch::Tensor> own, expected;
      for (const auto& p : net.parameters()) own.push_back(p.grad());
      for (const auto& p : serial.parameters()) expected.push_back(p.grad());
      EXPECT_LE(largest_difference(own, expected), 1e-12) << "step " << step;
    }
    EXPECT_THROW(ddp.forward_loss([] { return torch::Tensor(); }, 0),
                 ShapeError);  // nobody has any
  });
}

TEST(DataParallel, NoSyncSendsOncePerStep) {
  run_ranks(2, [](World& world) {
    Communicator& all = world.communicator();
    const Data data = made_data(12);
    SmallNet net(torch::kFloat64), serial(torch::kFloat64);
    DataParallel ddp(net, all);
    const std::int64_t first = 6 * all.rank();
    const auto part = [&](std::int64_t at) {
      (ddp.forward_loss([&] { return mean_loss(net, data, first + at, first + at + 2); }, 2) / 3)
          .backward();
    };
    const auto bytes_before = all.traffic().bytes;
    {
      const auto guard = ddp.no_sync();
      part(0);
      part(2);
    }
    EXPECT_EQ(all.traffic().bytes - bytes_before, 16);  // two weights of 8 bytes, no gradient
    part(4);
    const auto parameters = static_cast<std::int64_t>(ddp.reducer().num_buckets());
    EXPECT_EQ(all.traffic().of(Operation::kAllReduce), static_cast<std::uint64_t>(3 + parameters));
    (mean_loss(serial, data, 0, 12)).backward();
    std::vector<torch::Tensor> own, expected;
    for (const auto& p : net.parameters()) own.push_back(p.grad());
    for (const auto& p : serial.parameters()) expected.push_back(p.grad());
    EXPECT_LE(largest_difference(own, expected), 1e-12);
  });
}

TEST(DataParallel, APlantedDifferenceIsNamedOnAllRanks) {
  run_ranks(3, [](World& world) {
    SmallNet net(torch::kFloat32);
    DataParallel ddp(net, world.communicator());
    ddp.verify_parameters();
    if (world.rank() == 2) {
      const torch::NoGradGuard no_grad;
      net.layers[1]->bias[3].add_(1e-6);
    }
    const std::string text = error_of<CommError>([&] { ddp.verify_parameters(); });
    for (const char* part : {"'layer1.bias'", "ranks 0, 1", "rank 2"})
      EXPECT_NE(text.find(part), std::string::npos) << part << ": " << text;
  });
}

TEST(DataParallel, OtherModelsAreRefusedOnAllRanks) {
  run_ranks(2, [](World& world) {
    SmallNet wide(torch::kFloat32, world.rank() == 0 ? 24 : 25);
    const std::string shape =
        error_of<CommError>([&] { DataParallel ddp(wide, world.communicator()); });
    EXPECT_NE(shape.find("'layer0.weight'"), std::string::npos) << shape;
    torch::nn::Sequential deep(torch::nn::Linear(2, 2));
    if (world.rank() == 1) deep->push_back(torch::nn::Linear(2, 2));
    const std::string count =
        error_of<CommError>([&] { DataParallel ddp(*deep, world.communicator()); });
    EXPECT_NE(count.find("2 on rank 0 and 4 on rank 1"), std::string::npos) << count;
  });
}

TEST(DataParallel, BuffersAreRankZeros) {
  run_ranks(2, [](World& world) {
    torch::manual_seed(3);
    torch::nn::Sequential net(torch::nn::Linear(4, 4), torch::nn::BatchNorm1d(4));
    DataParallel ddp(*net, world.communicator());
    for (int step = 0; step < 2; ++step) {
      torch::manual_seed(static_cast<std::uint64_t>(10 * step + world.rank()));
      const auto x = torch::randn({8, 4});
      ddp.forward_loss([&] { return net->forward(x).square().mean(); }, 8).backward();
    }
    // the last forward pass moved them apart; they come together before the next one
    ddp.forward_loss(
           [&] {
             return net->forward(torch::ones({2, 4})).square().mean();
           },
           2)
        .backward();
    NamedTensors buffers;
    for (const auto& entry : net->named_buffers()) buffers.emplace_back(entry.key(), entry.value());
    check_same_bytes(buffers, world.communicator(), "at the end");
  });
}

}  // namespace
}  // namespace precinct::parallel
