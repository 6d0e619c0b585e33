// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradient_reducer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"
#include "parallel/fake_communicator.h"
#include "parallel/same_tensors.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/small_net.h"

namespace precinct::parallel {
namespace {

using test::error_of;
using test::largest_difference;
using test::run_ranks;
using test::slice_of;
using test::SmallNet;

NamedTensors named(torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& entry : module.named_parameters())
    tensors.emplace_back(entry.key(), entry.value());
  return tensors;
}

std::vector<torch::Tensor> gradients(torch::nn::Module& module) {
  std::vector<torch::Tensor> all;
  for (const auto& parameter : module.parameters()) all.push_back(parameter.grad().clone());
  return all;
}

NamedTensors named_gradients(torch::nn::Module& module) {
  NamedTensors all;
  for (const auto& entry : module.named_parameters())
    all.emplace_back(entry.key(), entry.value().grad());
  return all;
}

struct ReducerData {
  torch::Tensor x, y;
};

ReducerData reducer_data(std::int64_t rows, torch::Dtype type, std::int64_t width = 24) {
  torch::manual_seed(7);
  // residuals of one sign: sums without cancellation, so that rounding is all that differs
  return {torch::randn({rows, width}, type), torch::randn({rows, 1}, type) + 6};
}

torch::Tensor squares(SmallNet& net, const ReducerData& data, std::int64_t first, std::int64_t end,
                      bool with_branch = true) {
  return (net.forward(data.x.slice(0, first, end), with_branch) - data.y.slice(0, first, end))
      .square()
      .sum();
}

/// The gradient of one process over rows [0, rows).
std::vector<torch::Tensor> serial_gradients(const ReducerData& data, torch::Dtype type,
                                            std::int64_t rows) {
  SmallNet net(type);
  (squares(net, data, 0, rows) / rows).backward();
  return gradients(net);
}

class ReducerWorlds : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ReducerWorlds, ::testing::Values(1, 2, 3, 4));

TEST_P(ReducerWorlds, SumsAreTheSerialGradientAndAStepSendsEachBucketOnce) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& all = world.communicator();
    for (const auto type : {torch::kFloat64, torch::kFloat32}) {
      const double tolerance = type == torch::kFloat64 ? 1e-12 : 1e-6;
      const std::int64_t rows = 30;
      const ReducerData data = reducer_data(rows, type);
      const auto expected = serial_gradients(data, type, rows);
      SmallNet net(type);
      GradientReducer reducer(named(net), all, {.bucket_bytes = 3000});
      EXPECT_GE(reducer.num_buckets(), 3U);
      const auto [first, end] = slice_of(rows, all.rank(), all.size());
      for (int parts = 1; parts <= 3; ++parts) {  // passes that a step is accumulated from
        net.zero_grad(/*set_to_none=*/parts != 2);
        const auto before = all.traffic().of(Operation::kAllReduce);
        for (int part = 0; part < parts; ++part) {
          reducer.begin(part + 1 == parts);
          const auto [a, b] = slice_of(end - first, part, parts);
          (squares(net, data, first + a, first + b) / rows).backward();
        }
        reducer.finish();
        EXPECT_EQ(all.traffic().of(Operation::kAllReduce) - before, reducer.num_buckets());
        const double difference = largest_difference(gradients(net), expected);
        EXPECT_LE(difference, tolerance) << parts << " parts";
        if (all.rank() == 0)
          std::printf("world %d, %d parts: largest difference to serial %.1e\n", all.size(), parts,
                      difference);
        check_same_bytes(named_gradients(net), all, "after the step");
      }
    }
  });
}

TEST(GradientReducer, FirstBucketStartsBeforeTheBackwardPassEnds) {
  run_ranks(2, [](World& world) {
    SmallNet net(torch::kFloat32);
    GradientReducer reducer(named(net), world.communicator(), {.bucket_bytes = 3000});
    const ReducerData data = reducer_data(8, torch::kFloat32);
    for (int step = 0; step < 3; ++step) {
      net.zero_grad();
      reducer.begin(true);
      squares(net, data, 0, 8).backward();
      reducer.finish();
      std::size_t first_start = 0, last_gradient = 0, finish = 0, starts = 0;
      const auto& events = reducer.events();
      for (std::size_t i = 0; i < events.size(); ++i) {
        using Kind = ReducerEvent::Kind;
        if (events[i].kind == Kind::kStart) {
          if (starts == 0) first_start = i;
          EXPECT_EQ(events[i].index, starts++);  // always in the same order
        }
        if (events[i].kind == Kind::kGradient) last_gradient = i;
        if (events[i].kind == Kind::kFinish) finish = i;
        if (i > 0) {
          EXPECT_GE(events[i].time, events[i - 1].time);
        }
      }
      EXPECT_EQ(starts, reducer.num_buckets());
      EXPECT_LT(first_start, last_gradient);
      EXPECT_LT(last_gradient, finish);
      // all but the last, or a bias beside it, had left before the last gradient came
      std::size_t early = 0;
      for (std::size_t i = 0; i < last_gradient; ++i)
        early += events[i].kind == ReducerEvent::Kind::kStart ? 1 : 0;
      EXPECT_GE(early, reducer.num_buckets() - 2);
      EXPECT_GE(early, 2U);
    }
  });
}

TEST(GradientReducer, UnevenShardsOf7And5And0GiveTheSerialGradient) {
  run_ranks(3, [](World& world) {
    const std::array<std::int64_t, 4> border = {0, 7, 12, 12};
    for (const auto type : {torch::kFloat64, torch::kFloat32}) {
      const ReducerData data = reducer_data(12, type);
      const auto expected = serial_gradients(data, type, 12);
      SmallNet net(type);
      GradientReducer reducer(named(net), world.communicator(), {.bucket_bytes = 4000});
      const auto r = static_cast<std::size_t>(world.rank());
      // windows one by one, as a loader gives them: ranks run out after 7, 5 and 0
      for (std::int64_t i = 0; i < 7; ++i) {
        reducer.begin(/*last=*/i == 6);
        if (border[r] + i < border[r + 1])
          (squares(net, data, border[r] + i, border[r] + i + 1) / 12).backward();
      }
      reducer.finish();
      const double difference = largest_difference(gradients(net), expected);
      EXPECT_LE(difference, type == torch::kFloat64 ? 1e-12 : 1e-6);
      check_same_bytes(named_gradients(net), world.communicator(), "after the step");
    }
  });
}

TEST(GradientReducer, UnusedParametersAreRefusedByNameOnAllRanksOrFound) {
  run_ranks(3, [](World& world) {
    Communicator& all = world.communicator();
    const ReducerData data = reducer_data(9, torch::kFloat64);
    const auto step = [&](GradientReducer& reducer, SmallNet& net, bool with_branch,
                          bool has_data) {
      net.zero_grad();
      reducer.begin(true);
      const std::int64_t r = all.rank();
      if (has_data) (squares(net, data, 3 * r, 3 * r + 3, with_branch) / 9).backward();
      reducer.finish();
    };
    {
      SmallNet net(torch::kFloat64);
      GradientReducer reducer(named(net), all, {.bucket_bytes = 4000});
      // on one rank only, and one rank is without data: the message is the same on all
      const std::string text =
          error_of<ShapeError>([&] { step(reducer, net, all.rank() != 1, all.rank() != 2); });
      for (const char* part : {"'branch.weight' on 1 of 2", "'branch.bias' on 1 of 2"})
        EXPECT_NE(text.find(part), std::string::npos) << text;
      EXPECT_EQ(text.find("layer"), std::string::npos) << text;
      step(reducer, net, true, true);  // and the next step is a good one
      EXPECT_LE(largest_difference(gradients(net), serial_gradients(data, torch::kFloat64, 9)),
                1e-12);
    }
    SmallNet net(torch::kFloat64);
    GradientReducer reducer(named(net), all, {.bucket_bytes = 4000, .unused = Unused::kFind});
    step(reducer, net, all.rank() == 0, true);  // used by one rank
    SmallNet serial(torch::kFloat64);
    ((squares(serial, data, 0, 3) + squares(serial, data, 3, 9, false)) / 9).backward();
    EXPECT_LE(largest_difference(gradients(net), gradients(serial)), 1e-12);
    step(reducer, net, false, true);  // used by none: no gradient, as in one process
    EXPECT_FALSE(net.branch->weight.grad().defined());
    EXPECT_TRUE(net.head->weight.grad().defined());
  });
}

TEST(GradientReducer, Bfloat16HalvesTheBytes) {
  run_ranks(2, [](World& world) {
    Communicator& all = world.communicator();
    const ReducerData data = reducer_data(10, torch::kFloat32);
    std::vector<std::int64_t> bytes;
    for (const auto compression : {Compression::kNone, Compression::kBfloat16}) {
      SmallNet net(torch::kFloat32);
      GradientReducer reducer(named(net), all, {.bucket_bytes = 4000, .compression = compression});
      const std::int64_t before = all.traffic().bytes;
      reducer.begin(true);
      (squares(net, data, 5 * all.rank(), 5 * all.rank() + 5) / 10).backward();
      reducer.finish();
      bytes.push_back(all.traffic().bytes - before);
      const double difference =
          largest_difference(gradients(net), serial_gradients(data, torch::kFloat32, 10));
      // 8 bits: two roundings of 2^-9 each, of parts that may be larger than their sum
      if (compression == Compression::kBfloat16) {
        EXPECT_GT(difference, 1e-4);
        EXPECT_LE(difference, 2e-2);
      }
    }
    EXPECT_EQ(bytes[0], 2 * bytes[1]);
  });
}

TEST(GradientReducer, LayoutDependsOnTheParametersAlone) {
  FakeCommunicator group("dp", 1, 8);
  SmallNet net(torch::kFloat32);
  const auto layout_of = [&] {
    return GradientReducer(named(net), group, {.bucket_bytes = 2600}).layout();
  };
  const auto layout = layout_of();
  EXPECT_EQ(layout, layout_of());
  EXPECT_EQ(layout.front().front(), "head.bias");  // registered last
  EXPECT_EQ(layout.back().back(), "layer0.weight");
  std::size_t count = 0;
  for (const auto& names : layout) count += names.size();
  EXPECT_EQ(count, 12U);
  // types are not mixed, what needs no gradient is left out
  net.head->to(torch::kFloat64);
  net.layers[0]->weight.set_requires_grad(false);
  const auto mixed = layout_of();
  EXPECT_EQ(mixed.front(), (std::vector<std::string>{"head.bias", "head.weight"}));
  EXPECT_EQ(mixed.back().back(), "layer0.bias");
}

TEST(GradientReducer, HooksGoWithItAndForeignBackwardPassesAreLeftAlone) {
  FakeCommunicator group("dp", 0, 4);
  SmallNet net(torch::kFloat32);
  const ReducerData data = reducer_data(4, torch::kFloat32);
  {
    GradientReducer reducer(named(net), group);
    squares(net, data, 0, 4).backward();  // outside a step
    EXPECT_EQ(group.traffic().calls, 0U);
    EXPECT_THROW(reducer.finish(), ShapeError);
    reducer.begin(true);
    EXPECT_THROW(reducer.begin(true), ShapeError);
  }
  net.zero_grad();
  squares(net, data, 0, 4).backward();
  EXPECT_EQ(group.traffic().calls, 0U);
}

TEST(GradientReducer, AnErrorDuringTheBackwardPassComesOutOfFinish) {
  FakeCommunicator group("dp", 0, 4);
  SmallNet net(torch::kFloat32);
  GradientReducer reducer(named(net), group, {.bucket_bytes = 1000});
  reducer.begin(true);
  group.abort("rank 2 died");
  squares(net, reducer_data(4, torch::kFloat32), 0, 4).backward();
  EXPECT_NE(error_of<CommError>([&] { reducer.finish(); }).find("rank 2 died"), std::string::npos);
}

}  // namespace
}  // namespace precinct::parallel
