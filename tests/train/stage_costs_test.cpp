// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/stage_costs.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <limits>
#include <numeric>

#include "tests/support/made_batch.h"

namespace precinct::train {
namespace {

/// Two layers over [B, T * N * C]; the second one is `second` wide.
class TwoLayers final : public models::ForecastModel {
 public:
  TwoLayers(std::int64_t inputs, std::int64_t second)
      : first_(register_module("first", torch::nn::Linear(inputs, 64))),
        second_(register_module("second", torch::nn::Linear(64, second))) {}
  models::HeadParams forward(const data::Batch&) override { return {}; }
  std::vector<models::Stage> stages() override {
    return {{"first",
             [this](models::TensorList, const data::Batch& batch) {
               return models::TensorList{first_(batch.counts.flatten(1))};
             },
             {"first"}},
            {"second",
             [this](models::TensorList carried, const data::Batch&) {
               return models::TensorList{second_(torch::tanh(carried.at(0)))};
             },
             {"second"}}};
  }
  models::HeadParams head(const models::TensorList&, const data::Batch&) override { return {}; }

 private:
  torch::nn::Linear first_, second_;
};

models::ModelContext context() {
  models::ModelContext context;
  context.num_nodes = 1;
  context.num_categories = 1;
  context.lookback = 64;
  context.horizon = 1;
  return context;
}

TEST(StageCosts, CountWhatIsMultiplied) {
  TwoLayers even(64, 64), wide(64, 64 * 50);
  const auto a = stage_costs(even, context(), 256), b = stage_costs(wide, context(), 256);
  ASSERT_EQ(a.size(), 2U);
  EXPECT_NEAR(a[1] / a[0], 1.5, 0.5);  // the second has the tanh
  EXPECT_EQ(a[0], b[0]);
  EXPECT_GT(b[1], 20 * b[0]);
}

TEST(StageCosts, AreTheSameEveryTimeAndGrowWithTheBatch) {
  TwoLayers model(64, 64);
  const auto once = stage_costs(model, context(), 16);
  EXPECT_EQ(once, stage_costs(model, context(), 16));
  EXPECT_GT(stage_costs(model, context(), 4096)[0], 10 * once[0]);
}

/// Seconds of each stage forward and backward, the fastest of some rounds: what costs stand for.
std::vector<double> measured_seconds(models::ForecastModel& model,
                                     const config::ExperimentConfig& config,
                                     const data::Batch& batch) {
  using Clock = std::chrono::steady_clock;
  const auto stages = model.stages();
  std::vector<double> best(stages.size(), std::numeric_limits<double>::infinity());
  for (int round = 0; round < 9; ++round) {
    models::TensorList carried;
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const auto begin = Clock::now();
      models::TensorList roots = stages[i].forward(carried, batch);
      const models::TensorList outputs = roots;
      if (i + 1 == stages.size())
        roots = {models::loss_sum(config.head, model.head(roots, batch), batch).numerator};
      std::vector<torch::Tensor> ones;
      std::erase_if(roots, [](const auto& x) { return !x.requires_grad(); });
      for (const auto& x : roots) ones.push_back(torch::ones_like(x));
      if (!roots.empty()) torch::autograd::backward(roots, ones);
      best[i] = std::min(best[i], std::chrono::duration<double>(Clock::now() - begin).count());
      carried.clear();
      for (const auto& x : outputs)
        carried.push_back(x.detach().requires_grad_(x.is_floating_point()));
    }
  }
  return best;
}

/// Where a network is cut in two depends on each stage's share of the whole.
TEST(StageCosts, OfTheNetworksAreInProportionToTheirTimes) {
  test::MadeSizes sizes;
  sizes.windows = 16;
  sizes.nodes = 69;
  sizes.categories = 3;
  sizes.lookback = 28;
  sizes.horizon = 7;
  const auto batch = test::made_batch(sizes);
  const auto context = test::made_context(sizes);
  for (const char* name : {"dnn", "crimenet", "gat_tcn"}) {
    const auto config = config::load_experiment(
        {std::string(PRECINCT_SOURCE_DIR) + "/configs/west_la/" + name + ".yaml"});
    const auto model = models::build_model(config, context);
    const auto costs = stage_costs(*model, context, sizes.windows);
    const auto seconds = measured_seconds(*model, config, batch);
    const double all_costs = std::accumulate(costs.begin(), costs.end(), 0.0),
                 all_seconds = std::accumulate(seconds.begin(), seconds.end(), 0.0);
    double foretold = 0, found = 0;  // of the stages before a border
    const auto stages = model->stages();
    for (std::size_t i = 0; i < stages.size(); ++i) {
      foretold += costs[i] / all_costs;
      found += seconds[i] / all_seconds;
      std::printf(
          "row: %-8s %-8s foretold %4.1f %%, measured %4.1f %% (%.0f and %.0f us); up to here "
          "%4.1f %%, %4.1f %%\n",
          name, stages[i].name.c_str(), 100 * costs[i] / all_costs, 100 * seconds[i] / all_seconds,
          1e6 * costs[i], 1e6 * seconds[i], 100 * foretold, 100 * found);
      EXPECT_NEAR(foretold, found, 0.15) << name << " " << stages[i].name;
    }
  }
}

}  // namespace
}  // namespace precinct::train
