// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A learner whose batches are spread over ranks takes the steps of one process.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "data/loader/batch_prefetcher.h"
#include "parallel/canonical_sum.h"
#include "parallel/same_tensors.h"
#include "tests/parallel/ranks.h"
#include "tests/support/network_steps.h"

namespace precinct::train {
namespace {

using parallel::World;
using test::run_ranks;

/// A network on its share of the batches, step by step.
class Share {
 public:
  Share(const config::ExperimentConfig& config, const data::Panel& panel, Ranks& ranks)
      : data_(config, panel, {{0, 72}, {72, 96}}, data::choose_gamma_poisson(panel, {72, 96}),
              torch::kCPU),
        learner_(config, data_.context(), 10, 200, ranks) {
    options_.dp_rank = ranks.dp().rank();
    options_.dp_size = ranks.dp().size();
    options_.micro_batch_size = config.train.micro_batch_size;
    options_.prefetch = 0;
    if (config.train.deterministic) options_.canonical_shards = parallel::CanonicalSum::kShards;
  }
  /// The loss of the whole global batch.
  double step() {
    const auto batches =
        data::BatchPrefetcher(data_.series(), data_.sampler(), consumed_, options_).next();
    empty_steps_ += batches.micro_batches.empty();
    learner_.train_step(batches, step_++);
    consumed_ = batches.consumed_after;
    return learner_.take_losses().loss;
  }
  models::NamedTensors weights() { return models::named_tensors(learner_.model()); }
  int empty_steps() const { return empty_steps_; }

 private:
  PhaseData data_;
  Learner learner_;
  data::BatchPrefetcher::Options options_;
  std::int64_t consumed_ = 0, step_ = 0;
  int empty_steps_ = 0;
};

/// max|a - b| / max|b| of the tensor where it is largest.
double relative_difference(const models::NamedTensors& a, const models::NamedTensors& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double size = b[i].second.abs().max().item<double>();
    const double off = (a[i].second - b[i].second).abs().max().item<double>();
    worst = std::max(worst, off == 0 ? 0 : off / std::max(size, 1e-30));
  }
  return worst;
}

struct Layout {
  const char* model;
  int ranks;
};
std::string name_of(const testing::TestParamInfo<Layout>& info) {
  return fmt::format("{}_dp{}", info.param.model, info.param.ranks);
}

class ParityMatrix : public testing::TestWithParam<Layout> {};
INSTANTIATE_TEST_SUITE_P(Layouts, ParityMatrix,
                         testing::Values(Layout{"dnn", 1}, Layout{"dnn", 2}, Layout{"dnn", 3},
                                         Layout{"dnn", 4}, Layout{"crimenet", 1},
                                         Layout{"crimenet", 2}, Layout{"crimenet", 3},
                                         Layout{"crimenet", 4}, Layout{"gat_tcn", 1},
                                         Layout{"gat_tcn", 2}, Layout{"gat_tcn", 3},
                                         Layout{"gat_tcn", 4}),
                         name_of);

TEST_P(ParityMatrix, FiftyStepsAreThoseOfOneProcess) {
  const auto [model, size] = GetParam();
  run_ranks(size, [&model = model, &size = size](World& world) {
    const auto panel = test::small_panel_with_gaps();
    auto config = test::config_of_steps(model);
    config.parallel.bucket_mb = 0.001;  // several buckets
    test::OneRank one(config);
    Ranks ranks(world, config);
    Share shared(config, panel, ranks);
    std::vector<double> losses;
    for (int step = 0; step < 50; ++step) losses.push_back(shared.step());
    if (!ranks.leads()) return;
    Share serial(config, panel, one.ranks);
    double loss = 0;
    for (const double found : losses) {
      const double expected = serial.step();
      loss = std::max(loss, std::abs(found - expected) / std::abs(expected));
    }
    const double weight = relative_difference(shared.weights(), serial.weights());
    std::printf("row: %-8s dp%d f32, 50 steps: loss %.1e, weights %.1e (largest, <= 1e-5)\n", model,
                size, loss, weight);
    EXPECT_LE(loss, 1e-5);
    EXPECT_LE(weight, 1e-5);
  });
}

/// Losses and weights of 200 deterministic steps, as text that shows each bit.
std::string bits_of_200_steps(const config::ExperimentConfig& config, const data::Panel& panel,
                              Ranks& ranks) {
  Share share(config, panel, ranks);
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
  run_ranks(4, [&](World& world) {
    const auto panel = test::small_panel_with_gaps();
    auto config = test::config_of_steps(model);
    config.train.deterministic = true;
    config.train.global_batch_size = 17;
    std::map<int, std::string> bits;  // by the size of the world
    for (const int size : {4, 3, 2}) {
      const bool inside = world.rank() < size;
      auto group = world.communicator().split("of" + std::to_string(size), inside, world.rank());
      World part(world.context(), std::move(group));
      Ranks ranks(part, config);
      if (inside || size == 3) bits[ranks.size()] = bits_of_200_steps(config, panel, ranks);
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
  });
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
      Share serial(config, panel, one.ranks);
      Share shared(config, panel, ranks);
      for (int step = 0; step < 8; ++step) {
        const double expected = serial.step();
        EXPECT_NEAR(shared.step(), expected, 1e-5 * std::abs(expected));
      }
      if (world.rank() == 0) {
        EXPECT_EQ(shared.empty_steps(), 8);
      }
      EXPECT_LE(relative_difference(shared.weights(), serial.weights()), 1e-5);
    });
}

TEST(LearnerOnRanks, AStepOfSeveralMicroBatchesSendsItsGradientsOnce) {
  run_ranks(2, [](World& world) {
    const auto panel = test::small_panel_with_gaps();
    const auto messages_of = [&](std::int64_t micro_batch_size) {
      auto config = test::config_of_steps("dnn");
      config.train.micro_batch_size = micro_batch_size;
      Ranks ranks(world, config);
      Share shared(config, panel, ranks);
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
