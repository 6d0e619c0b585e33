// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Promises that hold for every network of the registry.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <iostream>
#include <random>
#include <set>

#include "base/error.h"
#include "kernels/count_nll.h"
#include "models/forecast_model.h"
#include "models/network.h"
#include "tests/support/long_form.h"
#include "tests/support/made_batch.h"

namespace precinct::models {
namespace {

using test::MadeSizes;

struct Variant {
  std::string network;
  std::string attention = "gatv1";
  bool has_mask = false, has_anchor = true, has_weights = false;
  std::int64_t day_slots = 1;
};

std::ostream& operator<<(std::ostream& out, const Variant& v) {
  return out << v.network << (v.attention == "gatv2" ? "_v2" : "") << (v.has_mask ? "_mask" : "")
             << (v.has_anchor ? "" : "_plain") << (v.has_weights ? "_weights" : "")
             << (v.day_slots > 1 ? "_hours" : "");
}

/// Weights of one network into another whose node n is its node order[n].
void copy_permuted(ForecastModel& from, ForecastModel& to, const torch::Tensor& order) {
  const torch::NoGradGuard no_grad;
  const auto weights = from.named_parameters();
  for (auto& item : to.named_parameters()) {
    torch::Tensor weight = weights[item.key()];
    if (item.key().ends_with("node_embedding.weight")) weight = weight.index_select(0, order);
    item.value().copy_(weight);
  }
}

class EveryNetwork : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    const Variant& v = GetParam();
    sizes_.has_mask = v.has_mask;
    sizes_.has_anchor = v.has_anchor;
    sizes_.has_weights = v.has_weights;
    sizes_.day_slots = v.day_slots;
    config_ = test::made_config(v.network, sizes_);
    config_.model.attention = v.attention;
    context_ = test::made_context(sizes_);
    batch_ = test::made_batch(sizes_);
  }
  std::shared_ptr<ForecastModel> build(bool shaken = true) {
    auto model = build_model(config_, context_);
    if (shaken) test::shake(*model, 3);
    model->set_dropout_seed(5);
    model->eval();
    return model;
  }
  static void expect_close(const HeadParams& a, const HeadParams& b, double tolerance) {
    EXPECT_TRUE(torch::allclose(a.log_mean, b.log_mean, tolerance, tolerance))
        << (a.log_mean - b.log_mean).abs().max().item<double>();
    EXPECT_TRUE(torch::allclose(a.log_dispersion, b.log_dispersion, tolerance, tolerance))
        << (a.log_dispersion - b.log_dispersion).abs().max().item<double>();
  }
  MadeSizes sizes_;
  config::ExperimentConfig config_;
  ModelContext context_;
  data::Batch batch_;
};

INSTANTIATE_TEST_SUITE_P(Networks, EveryNetwork,
                         testing::Values(Variant{"dnn"}, Variant{"crimenet"}, Variant{"gat_tcn"},
                                         Variant{"gat_tcn", "gatv2", false, true, true},
                                         Variant{"dnn", "gatv1", true, false, false, 4},
                                         Variant{"crimenet", "gatv1", true, false, false, 4},
                                         Variant{"gat_tcn", "gatv1", true, false, true, 4}),
                         [](const auto& info) { return testing::PrintToString(info.param); });

class MaskedNetwork : public EveryNetwork {};
INSTANTIATE_TEST_SUITE_P(Networks, MaskedNetwork,
                         testing::Values(Variant{"dnn", "gatv1", true},
                                         Variant{"crimenet", "gatv1", true},
                                         Variant{"gat_tcn", "gatv1", true},
                                         Variant{"gat_tcn", "gatv2", true}),
                         [](const auto& info) { return testing::PrintToString(info.param); });

TEST_P(EveryNetwork, StartsAtTheAnchorsLoss) {
  auto model = build(/*shaken=*/false);
  const LossSum loss = loss_sum(config_.head, model->forward(batch_), batch_);
  const torch::Tensor start =
      sizes_.has_anchor ? batch_.log_anchor : context_.log_mean0.expand_as(batch_.target);
  std::optional<torch::Tensor> seen;
  if (batch_.target_observed.defined()) seen = batch_.target_observed;
  const double expected =
      kernels::count_nll(start.contiguous(), context_.log_alpha0.expand_as(start), batch_.target,
                         seen)
          .item<double>();
  EXPECT_NEAR(loss.numerator.item<double>(), expected, 1e-5 * std::abs(expected));
}

TEST_P(EveryNetwork, StagesOneAfterTheOtherEqualForward) {
  auto model = build();
  TensorList carried;
  for (const Stage& stage : model->stages()) {
    TensorList crossing;  // what a pipeline would send: values alone
    for (const torch::Tensor& x : carried) crossing.push_back(x.detach().clone());
    carried = stage.forward(crossing, batch_);
  }
  expect_close(model->head(carried, batch_), model->forward(batch_), 0);
}

TEST_P(EveryNetwork, EachParameterBelongsToOneStageOrTheHead) {
  auto model = build();
  for (const auto& item : model->named_parameters()) {
    int owners = item.key().starts_with("head.") ? 1 : 0;
    for (const Stage& stage : model->stages())
      for (const std::string& prefix : stage.parameter_prefixes)
        owners += item.key().starts_with(prefix) ? 1 : 0;
    EXPECT_EQ(owners, 1) << item.key();
  }
}

TEST_P(EveryNetwork, GradientsAgreeWithCentralDifferences) {
  sizes_.windows = 2;
  sizes_.nodes = 5;
  sizes_.lookback = 5;
  context_ = test::made_context(sizes_);
  batch_ = test::in_double(test::made_batch(sizes_));
  config_.model.dropout = 0.3;
  auto model = build();
  model->train();
  test::to_double(*model);
  const auto loss = [&] {
    const LossSum sum = loss_sum(config_.head, model->forward(batch_), batch_);
    return sum.numerator / sum.denominator;
  };
  std::vector<torch::Tensor> variables;
  for (auto& item : model->named_parameters()) {
    variables.push_back(item.value());
    EXPECT_TRUE(
        torch::autograd::grad({loss()}, {item.value()}, {}, false, false, true)[0].defined())
        << item.key();
  }
  // all tensors, some entries of each: the whole would take minutes
  EXPECT_LE(test::gradient_error(variables, loss, 1e-6, /*max_entries=*/16), 1e-6);
}

TEST_P(EveryNetwork, PermutingNodesPermutesTheForecast) {
  auto model = build();
  const torch::Tensor order =
      torch::tensor({4, 2, 5, 0, 3, 1}, torch::kInt64);  // new n holds old order[n]
  auto other = build_model(config_, test::permute_nodes(context_, order));
  other->eval();
  copy_permuted(*model, *other, order);
  const HeadParams before = model->forward(batch_),
                   after = other->forward(test::permute_nodes(batch_, order));
  expect_close(
      after,
      {before.log_mean.index_select(2, order), before.log_dispersion.index_select(2, order), {}},
      1e-5);
}

TEST_P(EveryNetwork, RowOfABatchEqualsThatRowAlone) {
  config_.model.dropout = 0.4;
  auto model = build();
  for (const bool training : {false, true}) {  // dropout is keyed by the window, not by its row
    model->train(training);
    const HeadParams all = model->forward(batch_);
    for (std::int64_t row = 0; row < sizes_.windows; ++row) {
      const HeadParams alone = model->forward(test::batch_rows(batch_, row, row + 1));
      expect_close(
          alone,
          {all.log_mean.slice(0, row, row + 1), all.log_dispersion.slice(0, row, row + 1), {}},
          1e-5);
    }
  }
}

TEST_P(EveryNetwork, DropoutChangesWithSeedAndPositionOnly) {
  config_.model.dropout = 0.5;
  auto model = build();
  model->train();
  const torch::Tensor first = model->forward(batch_).log_mean;
  EXPECT_TRUE(torch::equal(first, model->forward(batch_).log_mean));
  data::Batch moved = batch_;
  moved.position = batch_.position + 1;
  EXPECT_FALSE(torch::allclose(first, model->forward(moved).log_mean));
  model->set_dropout_seed(6);
  EXPECT_FALSE(torch::allclose(first, model->forward(batch_).log_mean));
}

TEST_P(MaskedNetwork, UnobservedValuesHaveNoInfluence) {
  auto model = build();
  const HeadParams before = model->forward(batch_);
  const double loss = loss_sum(config_.head, before, batch_).numerator.item<double>();
  data::Batch spoilt = batch_;
  spoilt.counts =
      torch::where(batch_.observed.unsqueeze(-1) > 0, batch_.counts, torch::full({}, 1e30F));
  spoilt.target = torch::where(batch_.target_observed.unsqueeze(-1) > 0, batch_.target,
                               torch::full({}, 999.0F));
  const HeadParams after = model->forward(spoilt);
  EXPECT_TRUE(torch::equal(before.log_mean, after.log_mean));
  const LossSum sum = loss_sum(config_.head, after, spoilt);
  EXPECT_EQ(sum.numerator.item<double>(), loss);
  EXPECT_EQ(sum.denominator.item<double>(), batch_.target_observed.sum().item<double>() * 2);
  spoilt.observed = 1 - batch_.observed;
  EXPECT_FALSE(torch::allclose(before.log_mean, model->forward(spoilt).log_mean));
}

TEST_P(MaskedNetwork, UnobservedValuesHaveNoGradient) {
  auto model = build();
  batch_.counts.requires_grad_();
  const HeadParams params = model->forward(batch_);
  const auto grads = torch::autograd::grad({loss_sum(config_.head, params, batch_).numerator},
                                           {batch_.counts, params.log_mean, params.log_dispersion});
  const torch::Tensor unseen = batch_.observed.unsqueeze(-1).expand_as(batch_.counts) == 0;
  const torch::Tensor untold = batch_.target_observed.unsqueeze(-1).expand_as(batch_.target) == 0;
  EXPECT_EQ(grads[0].masked_select(unseen).abs().sum().item<double>(), 0);
  EXPECT_GT(grads[0].masked_select(~unseen).abs().min().item<double>(), 0);
  for (const int i : {1, 2}) {
    EXPECT_EQ(grads[i].masked_select(untold).abs().sum().item<double>(), 0);
    EXPECT_GT(grads[i].masked_select(~untold).abs().min().item<double>(), 0);
  }
}

TEST_P(EveryNetwork, EveryHeadStartsAtTheAnchorsLoss) {
  const torch::Tensor start =
      (sizes_.has_anchor ? batch_.log_anchor : context_.log_mean0.expand_as(batch_.target))
          .contiguous();
  std::optional<torch::Tensor> seen;
  if (batch_.target_observed.defined()) seen = batch_.target_observed;
  for (const char* head : {"poisson", "point"}) {
    config_.head.name = head;
    const LossSum loss = loss_sum(config_.head, build(false)->forward(batch_), batch_);
    const torch::Tensor squares = (start.exp() - batch_.target).square();
    const double expected =
        config_.head.name == "poisson"
            ? kernels::count_nll(start, {}, batch_.target, seen).item<double>()
            : (seen ? squares * seen->unsqueeze(-1) : squares).sum().item<double>();
    EXPECT_NEAR(loss.numerator.item<double>(), expected, 1e-5 * std::abs(expected)) << head;
  }
}

TEST_P(EveryNetwork, InitialWeightsComeFromTheirNamesAndTheSeed) {
  auto model = build(false), again = build(false);
  const auto weights = model->named_parameters();
  for (const auto& item : again->named_parameters())
    EXPECT_TRUE(torch::equal(item.value(), weights[item.key()])) << item.key();
  config_.model.name = config_.model.name == "dnn" ? "crimenet" : "dnn";
  auto other = build(false);  // same names, same shapes, same weights in another network
  int shared = 0;
  for (const auto& item : other->named_parameters()) {
    if (!weights.contains(item.key()) || weights[item.key()].sizes() != item.value().sizes())
      continue;
    ++shared;
    EXPECT_TRUE(torch::equal(item.value(), weights[item.key()])) << item.key();
  }
  EXPECT_GE(shared, 10);
  config_.run.seed = 2;
  EXPECT_FALSE(torch::equal(build(false)->named_parameters()["head.hidden.weight"],
                            weights["head.hidden.weight"]));
}

TEST_P(EveryNetwork, LossesOfPartsAddUpToTheWhole) {
  auto model = build();
  const LossSum whole = loss_sum(config_.head, model->forward(batch_), batch_);
  double numerator = 0, denominator = 0;
  for (std::int64_t row = 0; row < sizes_.windows; ++row) {
    const data::Batch part = test::batch_rows(batch_, row, row + 1);
    const LossSum sum = loss_sum(config_.head, model->forward(part), part);
    numerator += sum.numerator.item<double>();
    denominator += sum.denominator.item<double>();
  }
  EXPECT_NEAR(numerator, whole.numerator.item<double>(), 1e-5 * std::abs(numerator));
  EXPECT_EQ(denominator, whole.denominator.item<double>());
}

/// A random city with random edges, and the configuration of a random network for it.
struct RandomCase {
  MadeSizes sizes;
  config::ExperimentConfig config;
  ModelContext context;
  data::Batch batch;

  explicit RandomCase(std::mt19937_64& random) {
    const auto draw = [&](std::int64_t low, std::int64_t high) {
      return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
    };
    sizes = {draw(1, 4), draw(1, 8), draw(1, 3), draw(1, 12), draw(1, 4), 3, 2, 2, draw(1, 3)};
    sizes.has_mask = draw(0, 1);
    sizes.has_anchor = draw(0, 2) > 0;
    const char* names[] = {"dnn", "crimenet", "gat_tcn"};
    config = test::made_config(names[draw(0, 2)], sizes);
    config.model.num_layers = draw(1, 3);
    config.model.num_heads = draw(0, 1) ? 2 : 4;
    config.model.num_gat_layers = draw(1, 2);
    config.model.kernel_size = draw(2, 3);
    config.model.attention = draw(0, 1) ? "gatv1" : "gatv2";
    config.model.dropout = draw(0, 1) ? 0.3 : 0.0;
    const std::uint64_t seed = random();
    context = test::made_context(sizes, seed);
    auto generator = test::made_generator(seed);
    const std::int64_t num_edges = draw(0, 12);  // repeated ones among them
    torch::Tensor index = torch::randint(sizes.nodes, {2, num_edges}, generator, torch::kInt64);
    context.edge_index = index.index_select(1, (index[0] != index[1]).nonzero().view(-1));
    context.edge_weight = draw(0, 1) ? torch::rand({context.edge_index.size(1)}, generator) + 0.1
                                     : torch::ones({context.edge_index.size(1)});
    batch = test::made_batch(sizes, seed + 1);
  }
  std::shared_ptr<ForecastModel> build(const ModelContext& of) const {
    auto model = build_model(config, of);
    model->set_dropout_seed(5);
    model->train(config.model.dropout > 0 && sizes.windows % 2 == 0);
    return model;
  }
};

/// Largest difference of what two passes forecast.
double distance(const HeadParams& a, const HeadParams& b) {
  return std::max((a.log_mean - b.log_mean).abs().max().item<double>(),
                  (a.log_dispersion - b.log_dispersion).abs().max().item<double>());
}

TEST(RandomNetworks, KeepTheirPropertiesInAThousandCases) {
  const torch::NoGradGuard no_grad;
  std::cout << "seed 81\n";
  std::mt19937_64 random(81);
  for (std::uint64_t round = 0, n = test::num_rounds(1000); round < n; ++round) {
    SCOPED_TRACE(round);
    const RandomCase c(random);
    auto model = c.build(c.context);
    test::shake(*model, random());
    const HeadParams whole = model->forward(c.batch);
    // a row of a batch = that row alone
    const auto row = static_cast<std::int64_t>(random() % c.sizes.windows);
    const HeadParams alone = model->forward(test::batch_rows(c.batch, row, row + 1));
    EXPECT_LE(distance(alone, {whole.log_mean.slice(0, row, row + 1),
                               whole.log_dispersion.slice(0, row, row + 1),
                               {}}),
              1e-5);
    // values that were not observed have no say, in the forecast and in the loss
    if (c.sizes.has_mask) {
      data::Batch spoilt = c.batch;
      spoilt.counts =
          torch::where(c.batch.observed.unsqueeze(-1) > 0, c.batch.counts, torch::full({}, NAN));
      spoilt.target = torch::where(c.batch.target_observed.unsqueeze(-1) > 0, c.batch.target,
                                   torch::full({}, 1e6F));
      const HeadParams same = model->forward(spoilt);
      EXPECT_EQ(distance(same, whole), 0);
      EXPECT_EQ(loss_sum(c.config.head, same, spoilt).numerator.item<double>(),
                loss_sum(c.config.head, whole, c.batch).numerator.item<double>());
    }
    // permuting nodes permutes the forecast; dropout goes by node, so it is off here
    model->eval();
    const torch::Tensor order = torch::randperm(c.sizes.nodes, test::made_generator(random()),
                                                torch::TensorOptions(torch::kInt64));
    auto other = c.build(test::permute_nodes(c.context, order));
    other->eval();
    copy_permuted(*model, *other, order);
    const HeadParams before = model->forward(c.batch),
                     after = other->forward(test::permute_nodes(c.batch, order));
    EXPECT_LE(distance(after, {before.log_mean.index_select(2, order),
                               before.log_dispersion.index_select(2, order),
                               {}}),
              1e-5);
  }
}

TEST(GatTcn, RefusesAReceptiveFieldShorterThanTheLookback) {
  MadeSizes sizes;
  auto config = test::made_config("gat_tcn", sizes);
  config.model.num_blocks = 2;
  try {
    build_model(config, test::made_context(sizes));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()),
              "model.num_blocks: expected a receptive field of at least the lookback of 8 bins, "
              "found 4 from 2 "
              "blocks of kernel 2; set num_blocks to 3 or more");
  }
  config.model.num_heads = 3;
  EXPECT_THROW(build_model(config, test::made_context(sizes)), ConfigError);
}

TEST(CrimeNet, HasTheParameterNamesOfOneTorchLstm) {
  const MadeSizes sizes;
  auto model = build_model(test::made_config("crimenet", sizes), test::made_context(sizes));
  torch::nn::LSTM torch_lstm(torch::nn::LSTMOptions(8, 8).num_layers(2));
  const auto parameters = model->named_parameters();
  for (const auto& item : torch_lstm->named_parameters()) {
    const auto* ours = parameters.find("lstm." + item.key());
    ASSERT_NE(ours, nullptr) << item.key();
    EXPECT_EQ(ours->sizes(), item.value().sizes()) << item.key();
  }
}

}  // namespace
}  // namespace precinct::models
