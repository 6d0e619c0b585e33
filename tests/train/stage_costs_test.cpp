// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/stage_costs.h"

#include <gtest/gtest.h>

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
  context.num_nodes = 8;
  context.num_categories = 2;
  context.lookback = 4;
  context.horizon = 1;
  return context;
}

TEST(StageCosts, CountWhatIsMultiplied) {
  TwoLayers even(64, 64), wide(64, 64 * 50);
  const auto a = stage_costs(even, context(), 256), b = stage_costs(wide, context(), 256);
  ASSERT_EQ(a.size(), 2U);
  EXPECT_NEAR(a[1] / a[0], 1, 0.5);
  EXPECT_EQ(a[0], b[0]);
  EXPECT_GT(b[1], 20 * b[0]);
}

TEST(StageCosts, AreTheSameEveryTimeAndGrowWithTheBatch) {
  TwoLayers model(64, 64);
  const auto once = stage_costs(model, context(), 16);
  EXPECT_EQ(once, stage_costs(model, context(), 16));
  EXPECT_GT(stage_costs(model, context(), 1024)[0], 10 * once[0]);
}

}  // namespace
}  // namespace precinct::train
