// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A learner whose batches are spread over ranks takes the steps of one process.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <map>

#include "parallel/same_tensors.h"
#include "tests/parallel/ranks.h"
#include "tests/support/shared_steps.h"

namespace precinct::train {
namespace {

using namespace std::chrono_literals;
using parallel::World;
using test::relative_difference;
using test::run_ranks;
using test::SharedSteps;

/// Losses and weights of 200 deterministic steps, as text that shows each bit.
std::string bits_of_200_steps(const config::ExperimentConfig& config, const data::Panel& panel,
                              Ranks& ranks) {
  SharedSteps share(config, panel, ranks);
  std::string bits;
  for (int step = 0; step < 200; ++step) bits += fmt::format("{:a} ", share.step());
  for (const auto& [name, tensor] : share.weights())
    bits += fmt::format("\n{} {:016x}", name, parallel::bytes_hash(tensor));
  return bits;
}

class DeterministicWorlds : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, DeterministicWorlds,
                         testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(DeterministicWorlds, OfOneToFourRanksHaveTheSameBitsAfterTwoHundredSteps) {
  const std::string model = GetParam();
  // a rank that works alone for long, and says no step, is what a heartbeat is to notice
  test::RankOptions options{.deadline = 180s};
  options.connect.timeout = 90s;
  options.connect.heartbeat = 0s;
  const auto compare = [&](World& world) {
    const auto panel = test::small_panel_with_gaps();
    auto config = test::config_of_steps(model);
    config.train.deterministic = true;
    config.train.global_batch_size = 17;
    std::map<int, std::string> bits;  // by the size of the world
    for (const int size : {4, 3, 2}) {
      const bool inside = world.rank() < size;
      auto group = world.communicator().split("of" + std::to_string(size), inside, world.rank());
      group->barrier().wait();  // one that goes at once is missed by one that still connects
      if (!inside && size != 3) continue;
      World part(world.context(), std::move(group));
      Ranks ranks(part, config);
      bits[ranks.size()] = bits_of_200_steps(config, panel, ranks);
    }
    // rank 3 alone is the world of one
    Ranks all(world, config);
    for (const int size : {1, 2, 3, 4}) {
      const auto found = all.gather(bits[size]);
      for (int r = 0; r < 4; ++r)
        if (!found[static_cast<std::size_t>(r)].empty()) {
          EXPECT_EQ(found[static_cast<std::size_t>(r)], bits[4]) << "world of " << size;
        }
    }
    std::printf("row: %-8s deterministic, 200 steps: 1, 2, 3, 4 ranks: equal bits\n",
                model.c_str());
  };
  run_ranks(4, compare, options);
}

/// The price of equal bits, as rows: time and bytes of 20 steps against normal mode.
TEST(LearnerOnRanks, TheCostOfDeterministicModeIsPrinted) {
  run_ranks(2, [](World& world) {
    const auto panel = test::small_panel_with_gaps();
    for (const char* model : {"dnn", "crimenet", "gat_tcn"}) {
      std::map<bool, std::pair<double, double>> cost;  // seconds, bytes received
      std::map<bool, double> kept;                     // bytes per byte of the parameters
      for (const bool deterministic : {false, true}) {
        auto config = test::config_of_steps(model);
        config.train.deterministic = deterministic;
        config.train.global_batch_size = 48;
        Ranks ranks(world, config);
        SharedSteps shared(config, panel, ranks);
        for (int step = 0; step < 3; ++step) shared.step();
        const auto bytes = ranks.dp().traffic().bytes;
        const auto begin = std::chrono::steady_clock::now();
        for (int step = 0; step < 20; ++step) shared.step();
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        cost[deterministic] = {seconds.count(),
                               static_cast<double>(ranks.dp().traffic().bytes - bytes)};
        double of_parameters = 0;
        for (const auto& parameter : shared.learner().model().parameters())
          of_parameters += static_cast<double>(parameter.nbytes());
        kept[deterministic] =
            static_cast<double>(shared.learner().gradient_sum().kept_bytes()) / of_parameters;
      }
      std::printf(
          "row: %-8s deterministic on 2 ranks: %.1f x the time, %.1f x the bytes sent, "
          "%.1f x the weights more in memory\n",
          model, cost[true].first / cost[false].first, cost[true].second / cost[false].second,
          kept[true] - kept[false]);
      // six parts' gradients of a rank instead of one sum
      EXPECT_NEAR(cost[true].second / cost[false].second, 6, 0.5);
      EXPECT_EQ(kept[false], 0);
      EXPECT_NEAR(kept[true], 6, 0.5);
    }
  });
}

/// The networks as they are trained: messages are under way when the first layer's gradient comes.
TEST(LearnerOnRanks, BucketsLeaveWhileTheBackwardPassRuns) {
  run_ranks(2, [](World& world) {
    const auto panel = test::small_panel_with_gaps();
    for (const char* model : {"dnn", "crimenet", "gat_tcn"}) {
      auto config = test::config_of_steps(model);
      config.parallel.bucket_mb = 0.001;
      config.train.micro_batch_size = 0;
      Ranks ranks(world, config);
      SharedSteps shared(config, panel, ranks);
      shared.step();
      auto& dp = ranks.dp();
      std::uint64_t at_first_layer = 0;
      const auto hook = shared.learner().model().parameters().front().register_hook(
          [&](const torch::Tensor&) { at_first_layer = dp.traffic().calls; });
      const auto before = dp.traffic().calls;
      shared.step();
      const auto after = dp.traffic().calls;
      shared.learner().model().parameters().front().remove_hook(hook);
      std::printf("row: %-8s %d of %d messages of a step left before the first layer's gradient\n",
                  model, static_cast<int>(at_first_layer - before),
                  static_cast<int>(after - before));
      EXPECT_GE(at_first_layer, before + 2) << model << ": the loss and a bucket";
      EXPECT_GT(after, at_first_layer) << model;
    }
  });
}

/// Called by all ranks: their steps have the losses of one process, and leave its weights.
void expect_eight_equal_steps(SharedSteps& shared, SharedSteps& serial) {
  for (int step = 0; step < 8; ++step) {
    const double expected = serial.step();
    EXPECT_NEAR(shared.step(), expected, 1e-5 * std::abs(expected)) << "step " << step;
  }
  EXPECT_LE(relative_difference(shared.weights(), serial.weights()), 1e-5);
}

TEST(LearnerOnRanks, ARankWithoutWindowsTakesPartWithNothing) {
  for (const bool deterministic : {false, true})
    run_ranks(3, [deterministic](World& world) {
      const auto panel = test::small_panel_with_gaps();
      auto config = test::config_of_steps("crimenet");
      config.train.deterministic = deterministic;
      config.train.global_batch_size = 2;  // rank 0 has none
      test::OneRank one(config);
      Ranks ranks(world, config);
      SharedSteps serial(config, panel, one.ranks);
      SharedSteps shared(config, panel, ranks);
      expect_eight_equal_steps(shared, serial);
      if (world.rank() == 0) {
        EXPECT_EQ(shared.empty_steps(), 8);
      }
    });
}

/// 7 windows in micro-batches of 2: two ranks run one of their windows' passes, the third runs two.
TEST(LearnerOnRanks, StepsMayTakeARankMorePassesThanAnother) {
  run_ranks(3, [](World& world) {
    const auto panel = test::small_panel_with_gaps();
    for (const char* model : {"dnn", "crimenet", "gat_tcn"}) {
      auto config = test::config_of_steps(model);
      config.train.global_batch_size = 7;
      config.train.micro_batch_size = 2;
      test::OneRank one(config);
      Ranks ranks(world, config);
      SharedSteps serial(config, panel, one.ranks);
      SharedSteps shared(config, panel, ranks);
      SCOPED_TRACE(model);
      expect_eight_equal_steps(shared, serial);
    }
  });
}

TEST(LearnerOnRanks, APipelineMayTakeARankMorePassesThanAnother) {
  run_ranks(4, [](World& world) {
    const auto panel = test::small_panel_with_gaps();
    auto config = test::config_of_steps("dnn");
    config.train.global_batch_size = 11;
    test::OneRank one(config);
    config.parallel.pp = 2;
    config.parallel.num_micro_batches = 4;
    Ranks ranks(world, config);
    SharedSteps shared(config, panel, ranks);
    // the sixth step's have 2 and 3 windows in micro-batches of 2
    ASSERT_EQ(shared.num_windows() % 11, 5);
    config.parallel = {};
    SharedSteps serial(config, panel, one.ranks);
    expect_eight_equal_steps(shared, serial);
  });
}

TEST(LearnerOnRanks, AStepOfSeveralMicroBatchesSendsItsGradientsOnce) {
  run_ranks(2, [](World& world) {
    const auto panel = test::small_panel_with_gaps();
    const auto messages_of = [&](std::int64_t micro_batch_size) {
      auto config = test::config_of_steps("dnn");
      config.train.micro_batch_size = micro_batch_size;
      Ranks ranks(world, config);
      SharedSteps shared(config, panel, ranks);
      const auto before = ranks.dp().traffic().calls;
      shared.step();
      return ranks.dp().traffic().calls - before;
    };
    const auto whole = messages_of(0);
    EXPECT_GE(whole, 2U);  // the loss and at least one bucket
    EXPECT_EQ(messages_of(1), whole);
  });
}

}  // namespace
}  // namespace precinct::train
