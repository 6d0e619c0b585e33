// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/error.h"
#include "train/gradient_clip.h"
#include "train/weight_average.h"

namespace precinct::train {
namespace {

torch::nn::Sequential small_net(std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::nn::Sequential(torch::nn::Linear(5, 7), torch::nn::Tanh(), torch::nn::Linear(7, 2));
}

void give_gradients(torch::nn::Sequential& net, std::int64_t step) {
  net->zero_grad();
  torch::manual_seed(static_cast<std::uint64_t>(100 + step));
  net->forward(torch::randn({8, 5})).pow(2).mean().backward();
}

double largest_difference(torch::nn::Sequential& a, torch::nn::Sequential& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a->parameters().size(); ++i)
    worst = std::max(worst, (a->parameters()[i] - b->parameters()[i]).abs().max().item<double>());
  return worst;
}

TEST(Optimizer, AdamWFollowsTorchOptimAdamWForTwentySteps) {
  auto mine = small_net(3), theirs = small_net(3);
  config::OptimizerConfig config;
  config.lr = 1e-2;
  auto optimizer = make_optimizer(*mine, config);
  torch::optim::AdamW reference(theirs->parameters(),
                                torch::optim::AdamWOptions(1e-2).weight_decay(1e-4).eps(1e-8));
  for (std::int64_t step = 0; step < 20; ++step) {
    give_gradients(mine, step);
    give_gradients(theirs, step);
    optimizer->step(1e-2, torch::zeros({}));
    reference.step();
  }
  EXPECT_LT(largest_difference(mine, theirs), 1e-6);
}

TEST(Optimizer, SgdWithMomentumFollowsTorchOptimSgd) {
  auto mine = small_net(4), theirs = small_net(4);
  config::OptimizerConfig config;
  config.name = "sgd";
  config.momentum = 0.9;
  auto optimizer = make_optimizer(*mine, config);
  torch::optim::SGD reference(theirs->parameters(),
                              torch::optim::SGDOptions(0.05).momentum(0.9).weight_decay(1e-4));
  for (std::int64_t step = 0; step < 20; ++step) {
    give_gradients(mine, step);
    give_gradients(theirs, step);
    optimizer->step(0.05, torch::zeros({}));
    reference.step();
  }
  EXPECT_LT(largest_difference(mine, theirs), 1e-6);
}

class SkippedStep : public testing::TestWithParam<const char*> {};

TEST_P(SkippedStep, FoundInfLeavesWeightsMomentsAndStepCounter) {
  auto net = small_net(5), before = small_net(5);
  config::OptimizerConfig config;
  config.name = GetParam();
  auto optimizer = make_optimizer(*net, config);
  give_gradients(net, 0);
  net->parameters()[0].mutable_grad().fill_(std::numeric_limits<float>::quiet_NaN());
  optimizer->step(0.1, torch::ones({}));
  EXPECT_EQ(largest_difference(net, before), 0);
  for (const auto& [name, tensor] : optimizer->state())
    EXPECT_EQ(tensor.abs().sum().item<double>(), 0) << name;
}
INSTANTIATE_TEST_SUITE_P(Both, SkippedStep, testing::Values("adamw", "sgd"));

TEST(Optimizer, StateNamesFollowTheParameters) {
  auto net = small_net(6);
  const auto state = make_optimizer(*net, {})->state();
  ASSERT_EQ(state.size(), 9U);
  EXPECT_EQ(state[0].first, "exp_avg.0.weight");
  EXPECT_EQ(state[4].first, "exp_avg_sq.0.weight");
  EXPECT_EQ(state[8].first, "step");
}

TEST(Optimizer, UnknownNameIsRefused) {
  auto net = small_net(6);
  config::OptimizerConfig config;
  config.name = "lion";
  EXPECT_THROW(make_optimizer(*net, config), ConfigError);
}

TEST(GradientClip, NormIsThatOfAllGradientsAndScalingReachesTheLimit) {
  auto net = small_net(7);
  give_gradients(net, 1);
  const auto optimizer = make_optimizer(*net, {});
  const auto& parameters = optimizer->parameters();
  const torch::Tensor norm = gradient_norm(parameters);
  double squares = 0;
  for (const auto& p : net->parameters()) squares += p.grad().pow(2).sum().item<double>();
  EXPECT_NEAR(norm.item<double>(), std::sqrt(squares), 1e-6);
  clip_gradients(parameters, norm, 2 * norm.item<double>());
  EXPECT_NEAR(gradient_norm(parameters).item<double>(), norm.item<double>(), 1e-6);
  clip_gradients(parameters, norm, 0.25 * norm.item<double>());
  EXPECT_NEAR(gradient_norm(parameters).item<double>(), 0.25 * norm.item<double>(), 1e-5);
}

TEST(WeightAverage, FollowsTheWeightsAndSwapsBack) {
  auto net = small_net(8);
  const auto optimizer = make_optimizer(*net, {});
  WeightAverage average(optimizer->parameters(), 0.9);
  const torch::Tensor weight = net->parameters()[0];
  const torch::Tensor start = weight.detach().clone();
  {
    torch::NoGradGuard no_grad;
    net->parameters()[0].add_(1);
  }
  average.update(torch::zeros({}));
  average.update(torch::ones({}));  // a skipped step
  {
    const AveragedWeights averaged(average);
    EXPECT_TRUE(torch::allclose(weight, start + 0.1, 1e-5, 1e-6));
  }
  EXPECT_TRUE(torch::allclose(weight, start + 1));
}

/// The linear part by name, and a map that is not of it.
models::NamedTensors named_parameters() {
  const auto ones = [] { return torch::ones({3}).requires_grad_(); };
  return {{"end.log_mean.direct.weight", ones()},
          {"end.log_mean.deep.weight", ones()},
          {"end.point.calendar.weight", ones()},
          {"end.calendar.weight", ones()}};
}

TEST(Optimizer, TheLinearPartHasALearningRateOfItsOwn) {
  for (const std::string name : {"adamw", "sgd"}) {
    config::OptimizerConfig config;
    config.name = name;
    config.weight_decay = 0;
    config.linear_lr_factor = 10;
    const auto parameters = named_parameters();
    for (const auto& [_, parameter] : parameters) parameter.mutable_grad() = torch::full({3}, 0.5);
    std::unique_ptr<Optimizer> optimizer;
    if (name == "adamw")
      optimizer = std::make_unique<AdamW>(parameters, config);
    else
      optimizer = std::make_unique<Sgd>(parameters, config);
    optimizer->step(1e-3, torch::zeros({}));
    const auto moved = [&](std::size_t i) {
      return 1 - parameters[i].second.mean().item<double>();
    };
    EXPECT_GT(moved(1), 0) << name;
    EXPECT_NEAR(moved(0), 10 * moved(1), 1e-6) << name;
    EXPECT_NEAR(moved(2), 10 * moved(1), 1e-6) << name;
    EXPECT_NEAR(moved(3), moved(1), 1e-7) << name;
  }
}

}  // namespace
}  // namespace precinct::train
