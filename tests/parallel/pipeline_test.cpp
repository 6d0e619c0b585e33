// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.h"
#include "parallel/device_mesh.h"
#include "parallel/gradient_reducer.h"
#include "parallel/local_communicator.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/small_net.h"

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using test::largest_difference;
using test::run_ranks;

using Sizes = std::vector<std::int64_t>;

/// Seven layers that each add to a second tensor, so that two tensors cross every border; the rows'
/// numbers, which need no gradient, travel with them.
struct DeepNet : torch::nn::Module {
  static constexpr std::int64_t kLayers = 7, kWidth = 6;
  DeepNet() {
    torch::manual_seed(5);
    for (std::int64_t i = 0; i < kLayers; ++i) {
      deep.push_back(
          register_module("deep" + std::to_string(i), torch::nn::Linear(kWidth, kWidth)));
      skip.push_back(register_module("skip" + std::to_string(i), torch::nn::Linear(kWidth, 2)));
    }
    to(torch::kFloat64);
  }
  TensorList layers(TensorList carried, std::int64_t first, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(end); ++i) {
      carried[0] = torch::tanh(deep[i](carried[0]));
      carried[1] = carried[1] + skip[i](carried[0]);
    }
    return carried;
  }
  std::vector<torch::Tensor> parameters_of(std::int64_t first, std::int64_t end) {
    std::vector<torch::Tensor> all;
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(end); ++i)
      for (const auto& layer : {deep[i], skip[i]})
        for (const auto& parameter : layer->parameters()) all.push_back(parameter);
    return all;
  }
  std::vector<torch::nn::Linear> deep, skip;
};

std::vector<torch::Tensor> gradients(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> all;
  for (const auto& parameter : parameters) all.push_back(parameter.grad().clone());
  return all;
}

/// Rows of the data set in micro-batches of the given sizes.
struct Task {
  explicit Task(Sizes sizes) : ends(std::move(sizes)) {
    std::partial_sum(ends.begin(), ends.end(), ends.begin());
    rows = ends.empty() ? 0 : ends.back();
    torch::manual_seed(6);
    x = torch::randn({40, DeepNet::kWidth}, torch::kFloat64);
    y = torch::randn({40, 2}, torch::kFloat64);
  }
  std::int64_t count() const { return static_cast<std::int64_t>(ends.size()); }
  TensorList start(std::int64_t m) const {
    const auto i = static_cast<std::size_t>(m);
    return start(i == 0 ? 0 : ends[i - 1], ends[i]);
  }
  TensorList start(std::int64_t first, std::int64_t end) const {
    return {x.slice(0, first, end), torch::zeros({end - first, 2}, torch::kFloat64),
            torch::arange(first, end)};
  }
  /// Of rows that say themselves which they are.
  torch::Tensor loss(const TensorList& outputs) const {
    return (outputs[1] - y.index_select(0, outputs[2])).square().sum() /
           static_cast<double>(std::max<std::int64_t>(rows, 1));
  }
  Sizes ends;
  std::int64_t rows = 0;
  torch::Tensor x, y;
};

/// This rank's part of a DeepNet.
struct Part {
  Part(DeepNet& net, const Task& task, Communicator& group) : net(net), task(task) {
    std::tie(first, end) = cut_stages(std::vector<double>(DeepNet::kLayers, 1),
                                      group.size())[static_cast<std::size_t>(group.rank())];
  }
  StageFunction function() {
    return [this](TensorList carried, std::int64_t m) {
      return net.layers(first == 0 ? task.start(m) : std::move(carried), first, end);
    };
  }
  LossFunction loss() {
    return [this](const TensorList& outputs, std::int64_t) { return task.loss(outputs); };
  }
  std::vector<torch::Tensor> parameters() { return net.parameters_of(first, end); }
  DeepNet& net;
  const Task& task;
  std::int64_t first = 0, end = 0;
};

/// Messages that a stage sends in its first run.
std::uint64_t expected_messages(const Communicator& group, const Sizes& sizes) {
  std::uint64_t count = 0;
  for (std::size_t m = 0; m < sizes.size(); ++m) {
    const bool is_described = m == 0 || sizes[m] != sizes[m - 1];
    const bool is_empty = sizes[m] == 0;
    if (group.rank() + 1 < group.size())
      count += 1U + (is_described ? 1U : 0U) + (is_empty ? 0U : 3U);
    if (group.rank() > 0) count += is_empty ? 0U : 2U;  // no gradient of the rows' numbers
  }
  return count;
}

class PipelineWorlds : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, PipelineWorlds, ::testing::Values(1, 2, 3, 4));

TEST_P(PipelineWorlds, GradientsAreThoseOfOneProcess) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& group = world.communicator();
    for (const Sizes& sizes :
         {Sizes{4, 4, 4, 4, 4, 4}, Sizes{5, 3, 3, 0, 7}, Sizes{9}, Sizes{2, 2}, Sizes{}}) {
      const Task task(sizes);
      DeepNet serial;
      const auto whole = task.loss(serial.layers(task.start(0, task.rows), 0, DeepNet::kLayers));
      whole.backward();
      std::vector<std::vector<torch::Tensor>> by_schedule;
      for (const auto kind : {ScheduleKind::kGpipe, ScheduleKind::kOneForwardOneBackward}) {
        DeepNet net;
        Part part(net, task, group);
        std::vector<bool> lasts;
        const auto note = [&](bool last, const at::Tensor& loss) {
          lasts.push_back(last);
          EXPECT_EQ(loss.defined(), group.rank() + 1 == group.size() && task.count() > 0);
        };
        Pipeline pipeline(part.function(), group, {.schedule = kind, .before_backward = note});
        const auto sent_before = group.traffic().of(Operation::kSend);
        const auto loss = pipeline.run(task.count(), part.loss());
        EXPECT_EQ(loss.defined(), pipeline.is_last());
        EXPECT_NEAR(pipeline.global_loss(loss), whole.item<double>(), 1e-12);
        // before every backward pass, and once where there is none
        std::vector<bool> expected(std::max<std::size_t>(sizes.size(), 1), false);
        expected.back() = true;
        EXPECT_EQ(lasts, expected);
        EXPECT_EQ(group.traffic().of(Operation::kSend) - sent_before,
                  expected_messages(group, sizes));
        EXPECT_EQ(pipeline.stats().num_messages,
                  static_cast<std::int64_t>(expected_messages(group, sizes)));
        EXPECT_EQ(pipeline.stats().max_alive,
                  kind == ScheduleKind::kGpipe
                      ? task.count()
                      : std::min<std::int64_t>(group.size() - group.rank(), task.count()));
        if (sizes.empty()) continue;
        const auto own = gradients(part.parameters());
        EXPECT_LE(largest_difference(own, gradients(serial.parameters_of(part.first, part.end))),
                  1e-12)
            << schedule_name(kind);
        for (std::int64_t i = 0; i < DeepNet::kLayers; ++i)
          if (i < part.first || i >= part.end) {
            for (const auto& other : net.parameters_of(i, i + 1))
              EXPECT_FALSE(other.grad().defined());
          }
        by_schedule.push_back(own);
      }
      // both add the micro-batches in their order
      if (!sizes.empty()) {
        EXPECT_EQ(largest_difference(by_schedule[0], by_schedule[1]), 0);
      }
    }
  });
}

TEST_P(PipelineWorlds, TrainsAsOneProcessPastTheComparedMessages) {
  run_ranks(GetParam(), [](World& world) {
    Communicator& group = world.communicator();
    const Task task(Sizes{3, 3, 3, 3, 3, 2});
    DeepNet net, serial;
    Part part(net, task, group);
    Pipeline pipeline(part.function(), group);
    torch::optim::AdamW optimizer(part.parameters(), torch::optim::AdamWOptions(1e-2));
    torch::optim::AdamW reference(serial.parameters(), torch::optim::AdamWOptions(1e-2));
    for (int step = 0; step < 20; ++step) {
      // evaluation in between leaves no trace
      const auto outputs = pipeline.forward_only(step % 3 == 0 ? task.count() : 0);
      const auto whole = serial.layers(task.start(0, task.rows), 0, DeepNet::kLayers);
      EXPECT_EQ(outputs.size(),
                pipeline.is_last() && step % 3 == 0 ? static_cast<std::size_t>(task.count()) : 0U);
      if (!outputs.empty()) {
        std::vector<torch::Tensor> parts;
        for (const auto& one : outputs) {
          EXPECT_FALSE(one[1].requires_grad());
          parts.push_back(one[1]);
        }
        EXPECT_LE(largest_difference({torch::cat(parts)}, {whole[1].detach()}), 1e-12);
      }
      optimizer.zero_grad();
      reference.zero_grad();
      const auto loss = pipeline.run(task.count(), part.loss());
      const auto expected = task.loss(whole);
      expected.backward();
      EXPECT_NEAR(pipeline.global_loss(loss), expected.item<double>(), 1e-12);
      optimizer.step();
      reference.step();
    }
    EXPECT_LE(largest_difference(part.parameters(), serial.parameters_of(part.first, part.end)),
              1e-10);
    group.compare_calls();
  });
}

/// Stages by hand on three ranks: what crosses is used, passed on, left unused, frozen.
TEST(Pipeline, TensorsMayBePassedOnUnusedOrWithoutGradient) {
  run_ranks(3, [](World& world) {
    Communicator& group = world.communicator();
    torch::manual_seed(3);
    const auto x = torch::randn({4, 3}, torch::kFloat64);
    const auto weight = [&](double scale) {
      return (scale * torch::randn({3, 3}, torch::kFloat64)).requires_grad_(true);
    };
    const auto a = weight(1), b = weight(2), c = weight(3), d = weight(4);
    const auto frozen = torch::randn({3, 3}, torch::kFloat64);
    const auto first = [&](const torch::Tensor& in) -> TensorList {
      // deep, with gaps in memory; passed on untouched; used by nobody; no gradient; a number
      return {in.mm(a).t(), in.mm(b), in.mm(c), in.mm(frozen), in.sum()};
    };
    const auto second = [&](TensorList in) -> TensorList {
      return {torch::tanh(in[0].t().mm(d)) * in[3] * in[4], in[1], in[1]};
    };
    const auto last = [](const TensorList& in) {
      return (in[0] * in[1]).sum() + in[2].square().sum();
    };
    Pipeline pipeline(
        [&](TensorList carried, std::int64_t m) -> TensorList {
          EXPECT_EQ(carried.empty(), group.rank() == 0);
          if (group.rank() == 0) return first(x * static_cast<double>(m + 1));
          return group.rank() == 1 ? second(std::move(carried)) : std::move(carried);
        },
        group);
    pipeline.run(3, [&](const TensorList& outputs, std::int64_t) { return last(outputs); });
    std::vector<torch::Tensor> own;
    for (const auto& one : {a, b, c, d}) {
      own.push_back(one.grad().defined() ? one.grad().clone() : torch::Tensor());
      one.mutable_grad() = torch::Tensor();
    }
    EXPECT_EQ(own[0].defined() && own[1].defined() && own[2].defined(), group.rank() == 0);
    EXPECT_EQ(own[3].defined(), group.rank() == 1);
    for (std::int64_t m = 0; m < 3; ++m)
      last(second(first(x * static_cast<double>(m + 1)))).backward();
    if (group.rank() == 0) {
      EXPECT_LE(largest_difference({own[0], own[1]}, {a.grad(), b.grad()}), 1e-12);
      EXPECT_FALSE(c.grad().defined());  // in one process
      EXPECT_EQ(own[2].abs().max().item<double>(), 0);
    }
    if (group.rank() == 1) {
      EXPECT_LE(largest_difference({own[3]}, {d.grad()}), 1e-12);
    }
    // gradients of three tensors of three go back from stage 2, of three of five from stage 1
    if (group.rank() == 2) {
      EXPECT_EQ(pipeline.stats().num_messages, 3 * 3);
    }
    if (group.rank() == 1) {
      EXPECT_EQ(pipeline.stats().num_messages, 3 * (1 + 3) + 1 + 3 * 3);
    }
  });
}

TEST(Pipeline, AStageWithoutParametersToTrainGetsNoMessageBack) {
  run_ranks(2, [](World& world) {
    Communicator& group = world.communicator();
    const auto x = torch::ones({2, 3}, torch::kFloat64);
    const auto w = torch::full({3, 1}, 2.0, torch::kFloat64).requires_grad_(true);
    int calls = 0;
    Pipeline pipeline(
        [&](TensorList carried, std::int64_t) -> TensorList {
          return group.rank() == 0 ? TensorList{x * 3} : TensorList{carried[0].mm(w)};
        },
        group, {.before_backward = [&](bool, const at::Tensor&) { ++calls; }});
    const auto loss =
        pipeline.run(2, [](const TensorList& outputs, std::int64_t) { return outputs[0].sum(); });
    EXPECT_EQ(pipeline.global_loss(loss), 2 * 2 * 3 * 3 * 2.0);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(pipeline.stats().num_messages, group.rank() == 0 ? 2 + 1 + 2 : 0);
    if (group.rank() == 1) {
      EXPECT_TRUE(torch::equal(w.grad(), torch::full_like(w, 2 * 2 * 3.0)));
    }
  });
}

/// Bucket starts of a step, and whether one was before the reducer was told to finish.
void check_overlap(const GradientReducer& reducer, bool has_data) {
  const auto& events = reducer.events();
  const auto first = [&](ReducerEvent::Kind kind) {
    return std::find_if(events.begin(), events.end(),
                        [&](const auto& event) { return event.kind == kind; });
  };
  if (has_data) {
    EXPECT_LT(first(ReducerEvent::Kind::kStart), first(ReducerEvent::Kind::kFinish));
  }
  EXPECT_EQ(
      std::count_if(events.begin(), events.end(),
                    [](const auto& event) { return event.kind == ReducerEvent::Kind::kStart; }),
      static_cast<std::ptrdiff_t>(reducer.num_buckets()));
}

TEST(Pipeline, TogetherWithDataParallelEqualsOneProcess) {
  run_ranks(4, [](World& world) {
    DeviceMesh mesh(world, {.dp = 2, .pp = 2});
    Communicator& dp = mesh.axis("dp");
    Communicator& pp = mesh.axis("pp");
    DeepNet net, serial;
    // step by step: micro-batches of the one pipeline and of the other
    const std::vector<std::array<Sizes, 2>> steps = {
        {Sizes{3, 3, 2}, Sizes{4, 4, 4}}, {Sizes{5, 5, 5, 1}, Sizes{2}}, {Sizes{6, 3}, Sizes{}}};
    Task task(Sizes{});
    std::int64_t offset = 0;  // of this pipeline's first micro-batch
    Part part(net, task, pp);
    GradientReducer::NamedParameters named;
    for (const auto& parameter : part.parameters())
      named.emplace_back(std::to_string(named.size()), parameter);
    GradientReducer reducer(named, dp, {.bucket_bytes = 400});
    Pipeline pipeline(
        [&](TensorList carried, std::int64_t m) {
          return part.function()(std::move(carried), m + offset);
        },
        pp, {.before_backward = [&](bool last, const at::Tensor&) { reducer.begin(last); }});
    for (const auto& halves : steps) {
      const Sizes& own = halves[static_cast<std::size_t>(dp.rank())];
      Sizes all = halves[0];
      all.insert(all.end(), halves[1].begin(), halves[1].end());
      task = Task(all);
      offset = dp.rank() == 0 ? 0 : static_cast<std::int64_t>(halves[0].size());
      net.zero_grad();
      serial.zero_grad();
      const auto loss = pipeline.run(static_cast<std::int64_t>(own.size()), part.loss());
      reducer.finish();
      const auto expected = task.loss(serial.layers(task.start(0, task.rows), 0, DeepNet::kLayers));
      expected.backward();
      EXPECT_LE(largest_difference(gradients(part.parameters()),
                                   gradients(serial.parameters_of(part.first, part.end))),
                1e-12);
      torch::Tensor sum = torch::tensor({pipeline.global_loss(loss)}, torch::kFloat64);
      dp.all_reduce(sum).wait();
      EXPECT_NEAR(sum.item<double>(), expected.item<double>(), 1e-12);
      check_overlap(reducer, !own.empty());
    }
  });
}

TEST(Pipeline, ImpossibleSchedulesAreRefusedBeforeAnythingIsSent) {
  LocalCommunicator alone("pp");
  int ran = 0;
  const auto stage = [&](TensorList, std::int64_t) -> TensorList {
    ++ran;
    return {torch::ones({})};
  };
  const auto loss_of = [](const TensorList& outputs, std::int64_t) { return outputs[0]; };
  const auto planted = [&](const std::function<void(PipelineSchedule&)>& change) {
    Pipeline pipeline(stage, alone, {.make = [&](int stages, std::int64_t count) {
                        auto schedule = make_schedule(ScheduleKind::kGpipe, stages, count);
                        change(schedule);
                        return schedule;
                      }});
    return error_of<ShapeError>([&] { pipeline.run(2, loss_of); });
  };
  EXPECT_EQ(planted([](auto& s) { std::swap(s.stages[0][0], s.stages[0][2]); }),
            "schedule gpipe, stage 0: expected each of 2 micro-batches forward once, then backward "
            "once, found B0; correct the schedule");
  EXPECT_EQ(planted([](auto& s) { s.stages.push_back(s.stages[0]); }),
            "schedule gpipe: expected 1 stages and 2 micro-batches forward and backward, found 2 "
            "and 2; correct the schedule");
  Pipeline forward(stage, alone, {.schedule = ScheduleKind::kForwardOnly});
  EXPECT_NE(error_of<ShapeError>([&] { forward.run(2, loss_of); }).find("forward only"),
            std::string::npos);
  EXPECT_EQ(ran, 0);
}

TEST(Pipeline, LossesAndOutputsThatCannotBeAreRefused) {
  LocalCommunicator alone("pp");
  Pipeline pipeline([](TensorList, std::int64_t) -> TensorList { return {torch::ones({2})}; },
                    alone);
  EXPECT_EQ(error_of<ShapeError>([&] {
              pipeline.run(1, [](const TensorList& outputs, std::int64_t) { return outputs[0]; });
            }),
            "loss of micro-batch 0: expected a scalar, found [2] float32; sum or average it");
  // and the next run is a good one
  EXPECT_EQ(
      pipeline.run(2, [](const TensorList& outputs, std::int64_t) { return outputs[0].sum(); })
          .item<double>(),
      4);
  run_ranks(2, [](World& world) {
    Communicator& group = world.communicator();
    Pipeline broken([](TensorList, std::int64_t) -> TensorList { return {torch::Tensor()}; },
                    group);
    if (world.rank() == 0) {
      EXPECT_EQ(error_of<ShapeError>([&] { broken.forward_only(1); }),
                "stage 0, micro-batch 0, output 0: expected a dense tensor, found none; leave it "
                "out or make it one");
    }
  });
}

/// What each of two ranks ends with when their calls differ.
std::string ended(World& world, ScheduleKind kind, std::int64_t count) {
  Communicator& group = world.communicator();
  const auto w = torch::ones({2, 2}).requires_grad_(true);
  Pipeline pipeline(
      [&](TensorList carried, std::int64_t) -> TensorList {
        return {group.rank() == 0 ? torch::ones({1, 2}).mm(w) : carried[0].mm(w)};
      },
      group, {.schedule = kind});
  return error_of<CommError>([&] {
    pipeline.run(count, [](const TensorList& outputs, std::int64_t) { return outputs[0].sum(); });
  });
}

TEST(Pipeline, RanksWithOtherSchedulesAreNoticedAtTheFirstMessage) {
  const test::RankOptions options{.connect = {.timeout = 2s, .connect_timeout = 30s},
                                  .shutdown = false};
  run_ranks(
      2,
      [](World& world) {
        const auto error = ended(
            world, world.rank() == 0 ? ScheduleKind::kGpipe : ScheduleKind::kOneForwardOneBackward,
            4);
        if (world.rank() == 1) {
          EXPECT_NE(error.find("expected micro-batch 0 of run 1 by schedule 1f1b"),
                    std::string::npos)
              << error;
        }
        if (world.rank() == 1) {
          EXPECT_NE(error.find("from stage 0; let all ranks run the same number of micro-batches"),
                    std::string::npos)
              << error;
        }
      },
      options);
  run_ranks(
      2,
      [](World& world) {
        const auto error =
            ended(world, ScheduleKind::kGpipe, world.rank() == 0 ? 4 : 3);  // other numbers
        if (world.rank() == 1) {
          EXPECT_NE(error.find("let all ranks run the same number of micro-batches"),
                    std::string::npos)
              << error;
        }
      },
      options);
}

TEST(Pipeline, SharedParametersAreRefused) {
  DeepNet net;
  std::vector<NamedTensors> stages(2);
  for (const auto& entry : net.named_parameters())
    stages[entry.key().ends_with("weight") ? 0 : 1].emplace_back(entry.key(), entry.value());
  EXPECT_NO_THROW(check_no_shared_parameters(stages));
  stages[0].push_back(stages[0].front());  // twice in one stage is no harm
  EXPECT_NO_THROW(check_no_shared_parameters(stages));
  stages[1].emplace_back("head.weight", stages[0][1].second);
  EXPECT_EQ(error_of<ConfigError>([&] { check_no_shared_parameters(stages); }),
            "parallel.pp: expected that each parameter belongs to one stage, found " +
                stages[0][1].first +
                " of stage 0 as head.weight of stage 1; use fewer stages or "
                "separate weights");
}

}  // namespace
}  // namespace precinct::parallel
