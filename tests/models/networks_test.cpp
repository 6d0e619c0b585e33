// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Promises that hold for every network of the registry.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "base/error.h"
#include "kernels/count_nll.h"
#include "models/forecast_model.h"
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
  // all tensors, some entries of each: the whole would take minutes
  std::vector<torch::Tensor> variables;
  for (auto& item : model->named_parameters()) {
    torch::Tensor p = item.value();
    EXPECT_TRUE(torch::autograd::grad({loss()}, {p}, {}, false, false, true)[0].defined())
        << item.key();
    if (p.numel() <= 120) variables.push_back(p);
  }
  EXPECT_LE(test::gradient_error(variables, loss), 1e-6);
}

TEST_P(EveryNetwork, PermutingNodesPermutesTheForecast) {
  auto model = build();
  const HeadParams before = model->forward(batch_);
  const torch::Tensor order =
      torch::tensor({4, 2, 5, 0, 3, 1}, torch::kInt64);  // new n holds old order[n]
  const torch::Tensor inverse = order.argsort();
  ModelContext context = context_;
  context.statics = context_.statics.index_select(0, order);
  context.edge_index =
      inverse.index_select(0, context_.edge_index.view(-1)).view_as(context_.edge_index);
  context.log_mean0 = context_.log_mean0.index_select(0, order);
  auto other = build_model(config_, context);
  other->eval();
  {
    const torch::NoGradGuard no_grad;
    for (auto& item : other->named_parameters()) {
      torch::Tensor from = model->named_parameters()[item.key()];
      if (item.key().ends_with("node_embedding.weight")) from = from.index_select(0, order);
      item.value().copy_(from);
    }
  }
  data::Batch batch = batch_;
  batch.counts = batch_.counts.index_select(2, order);
  batch.x_origin = batch_.x_origin.index_select(1, order);
  if (batch.observed.defined()) batch.observed = batch_.observed.index_select(2, order);
  if (batch.log_anchor.defined()) batch.log_anchor = batch_.log_anchor.index_select(2, order);
  const HeadParams after = other->forward(batch);
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

TEST(Registry, KnowsTheNetworksByName) {
  EXPECT_EQ(model_names(), (std::vector<std::string>{"crimenet", "dnn", "gat_tcn"}));
  config::ExperimentConfig config;
  config.model.name = "gat_tnc";
  try {
    build_model(config, test::made_context({}));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "model.name: expected one of crimenet, dnn, gat_tcn, found 'gat_tnc'; choose one of them");
  }
}

TEST(Registry, RefusesABatchOfAnotherPanel) {
  MadeSizes sizes;
  auto model = build_model(test::made_config("dnn", sizes), test::made_context(sizes));
  sizes.nodes = 7;
  EXPECT_THROW(model->forward(test::made_batch(sizes)), ShapeError);
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
  for (const auto& item : torch_lstm->named_parameters()) {
    const auto* ours = model->named_parameters().find("lstm." + item.key());
    ASSERT_NE(ours, nullptr) << item.key();
    EXPECT_EQ(ours->sizes(), item.value().sizes()) << item.key();
  }
}

}  // namespace
}  // namespace precinct::models
