// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// What networks start from: the input encoder, initial weights, graph and constants of a panel.
#include "models/input_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "base/error.h"
#include "models/initialize.h"
#include "models/network_inputs.h"
#include "tests/support/made_batch.h"
#include "tests/support/small_panel.h"

namespace precinct::models {
namespace {

using test::MadeSizes;

class EveryPiece : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {  // each bit of the number leaves a piece in or out
    const int bits = GetParam();
    sizes_.has_mask = bits & 1;
    sizes_.day_slots = bits & 2 ? 6 : 1;
    sizes_.calendar = bits & 4 ? 5 : 0;
    sizes_.statics = bits & 8 ? 3 : 0;
    config_ = {bits & 16 ? 4 : 0, bits & 16 ? 3 : 0, bits & 32 ? 2 : 0, {}, "cyclic", "", {}};
    context_ = test::made_context(sizes_);
    if (sizes_.statics == 0) context_.statics.reset();
    batch_ = test::in_double(test::made_batch(sizes_));
  }
  InputEncoder made_encoder() {
    InputEncoder encoder(config_, context_, 7);
    initialize_by_name(*encoder, 71);
    test::shake(*encoder, 72);
    test::to_double(*encoder);
    return encoder;
  }
  MadeSizes sizes_;
  config::InputConfig config_;
  ModelContext context_;
  data::Batch batch_;
};
INSTANTIATE_TEST_SUITE_P(InputEncoder, EveryPiece, testing::Range(0, 64));

TEST_P(EveryPiece, EqualsOneLinearMapOfTheConcatenatedPieces) {
  auto encoder = made_encoder();
  const torch::Tensor x = encoder->forward(batch_), reference = encoder->concatenated(batch_);
  EXPECT_EQ(x.sizes(), (at::IntArrayRef{sizes_.lookback, sizes_.windows, sizes_.nodes, 7}));
  EXPECT_LE((x - reference).abs().max().item<double>(), 1e-12);
  const auto p = encoder->pieces(batch_);
  const torch::Tensor sum = torch::matmul(p.cells, p.cell_weight.t()) + p.per_bin.unsqueeze(2) +
                            p.per_node;  // [B, T, N, D]
  EXPECT_LE((sum.transpose(0, 1) - reference).abs().max().item<double>(), 1e-12);
}

class SomePieces : public EveryPiece {};  // every piece in and out at least once
INSTANTIATE_TEST_SUITE_P(InputEncoder, SomePieces,
                         testing::Values(0, 7, 14, 21, 28, 35, 42, 49, 56, 63));

TEST_P(SomePieces, GradientsAgreeWithCentralDifferences) {
  auto encoder = made_encoder();
  const torch::Tensor weight = torch::randn_like(encoder->forward(batch_)).detach();
  const auto loss = [&] { return (encoder->forward(batch_) * weight).sum(); };
  EXPECT_LE(test::gradient_error(encoder->parameters(), loss), 1e-6);
}

class MaskedPieces : public EveryPiece {};
INSTANTIATE_TEST_SUITE_P(InputEncoder, MaskedPieces, testing::Range(1, 64, 2));

TEST_P(MaskedPieces, UnobservedCountsHaveNeitherInfluenceNorGradient) {
  auto encoder = made_encoder();
  const torch::Tensor gone = batch_.observed.unsqueeze(-1).expand_as(batch_.counts) == 0;
  const torch::Tensor before = encoder->forward(batch_);
  batch_.counts = torch::where(gone, torch::full({}, NAN, torch::kDouble), batch_.counts);
  batch_.counts.requires_grad_();
  const torch::Tensor after = encoder->forward(batch_);
  EXPECT_TRUE(torch::equal(before, after));
  const torch::Tensor grad = torch::autograd::grad({after.square().sum()}, {batch_.counts})[0];
  EXPECT_EQ(grad.masked_select(gone).abs().sum().item<double>(), 0);
  EXPECT_GT(grad.abs().sum().item<double>(), 0);
}

TEST(InputEncoder, StartsAsOneLinearMapOfAllPieces) {
  MadeSizes sizes;
  sizes.has_mask = true;
  sizes.day_slots = 4;
  InputEncoder encoder(config::InputConfig{}, test::made_context(sizes), 64);
  initialize_by_name(*encoder, 5);
  // 2 categories, mask, 5 of the calendar, 3 statics, embeddings of 16, 8 and 8
  const double bound = 1 / std::sqrt(2.0 + 1 + 5 + 3 + 16 + 8 + 8);
  for (const auto& item : encoder->named_parameters()) {
    const double largest = item.value().abs().max().item<double>();
    if (item.key().find("embedding") != std::string::npos) {
      EXPECT_GT(largest, 1) << item.key();  // N(0, 1)
    } else {
      EXPECT_LE(largest, bound) << item.key();
      EXPECT_GT(largest, 0.8 * bound) << item.key();
    }
  }
}

/// Two modules with the same parameters, registered in another order, one with a neighbour.
struct Plain : torch::nn::Module {
  explicit Plain(bool turned) {
    const auto first = [&] { register_module("first", torch::nn::Linear(9, 50)); };
    const auto table = [&] { register_module("table", torch::nn::Embedding(40, 50)); };
    if (turned) table();
    first();
    if (turned) register_module("between", torch::nn::Linear(3, 3));
    if (!turned) table();
    register_module("zero", torch::nn::Linear(2, 2));
  }
};

TEST(InitializeByName, DrawsByNameAndSeedWhateverTheOrder) {
  auto module_a = std::make_shared<Plain>(false), module_b = std::make_shared<Plain>(true),
       module_c = std::make_shared<Plain>(false);
  auto &a = *module_a, &b = *module_b, &c = *module_c;
  initialize_by_name(a, 9);
  initialize_by_name(b, 9);
  initialize_by_name(c, 10);
  for (const auto& item : a.named_parameters()) {
    EXPECT_TRUE(torch::equal(item.value(), b.named_parameters()[item.key()])) << item.key();
    EXPECT_FALSE(torch::equal(item.value(), c.named_parameters()[item.key()])) << item.key();
  }
}

TEST(InitializeByName, HasTorchsDistributions) {
  auto module = std::make_shared<Plain>(false);
  initialize_by_name(*module, 11);
  const auto p = module->named_parameters();
  const torch::Tensor weight = p["first.weight"], table = p["table.weight"];
  EXPECT_LE(weight.abs().max().item<double>(), 1.0 / 3);
  EXPECT_LE(p["first.bias"].abs().max().item<double>(), 1.0 / 3);
  // five deviations of mean and variance over 450 uniform and 2,000 normal draws; seed is fixed
  EXPECT_NEAR(weight.mean().item<double>(), 0, 5 * 0.192 / std::sqrt(450));
  EXPECT_NEAR(weight.var().item<double>(), 1.0 / 27, 5 * 0.034 / std::sqrt(450));
  EXPECT_NEAR(table.mean().item<double>(), 0, 5 / std::sqrt(2000));
  EXPECT_NEAR(table.var().item<double>(), 1, 5 * std::sqrt(2.0 / 2000));
}

TEST(NetworkInputs, GraphWeightsHaveMeanOne) {
  auto panel = test::small_panel(60);
  for (std::size_t e = 0; e < panel.graph.weight.size(); ++e)
    panel.graph.weight[e] = 100.0F + static_cast<float>(e);
  for (const char* name : {"adjacency", "knn"}) {
    config::DataConfig data;
    data.graph = name;
    const GraphTensors graph = build_graph(data, panel);
    EXPECT_NEAR(graph.edge_weight.mean().item<double>(), 1, 1e-6);
    EXPECT_EQ(graph.edge_index.size(1), graph.edge_weight.size(0));
    EXPECT_FALSE((graph.edge_index[0] == graph.edge_index[1]).any().item<bool>());
  }
  config::DataConfig data;
  const GraphTensors graph = build_graph(data, panel);
  EXPECT_EQ(graph.edge_index.size(1), panel.graph.size());
  EXPECT_EQ(graph.edge_index[0][3].item<std::int64_t>(), panel.graph.source[3]);
  EXPECT_EQ(graph.edge_index[1][3].item<std::int64_t>(), panel.graph.target[3]);
  panel.graph = {};  // isolated districts are a graph too
  EXPECT_EQ(build_graph(data, panel).edge_index.sizes(), (at::IntArrayRef{2, 0}));
  data.graph = "subway";
  EXPECT_THROW(build_graph(data, panel), ConfigError);
}

TEST(NetworkInputs, AnAnchorBringsItsDispersion) {
  const auto panel = test::small_panel(60);
  config::ExperimentConfig config;
  config.data.lookback = 9;
  config.data.horizon = 2;
  const auto spec = data::FeatureSpec::fit(panel, config.input, config.data, {0, 40});
  const auto features = data::FeatureSet::compute(panel, spec, 2, std::nullopt);
  data::GammaPoissonConstants constants;
  constants.dispersion = {0.25, 0};
  const GraphTensors graph = build_graph(config.data, panel);
  const auto plain = make_context(config, panel, spec, features, std::nullopt, graph);
  EXPECT_FALSE(plain.has_anchor);
  EXPECT_EQ(plain.log_alpha0[0].item<float>(), spec.log_dispersion0[0]);
  const auto anchored = make_context(config, panel, spec, features, constants, graph);
  EXPECT_TRUE(anchored.has_anchor);
  EXPECT_NEAR(anchored.log_alpha0[0].item<double>(), std::log(0.25), 1e-6);
  EXPECT_NEAR(anchored.log_alpha0[1].item<double>(), std::log(1e-6), 1e-5);  // stays finite
  EXPECT_EQ(anchored.statics.sizes(), (at::IntArrayRef{9, features.num_static}));
  EXPECT_EQ(anchored.log_mean0.sizes(), (at::IntArrayRef{9, 2}));
  EXPECT_EQ(anchored.lookback, 9);
  EXPECT_EQ(anchored.horizon, 2);
  EXPECT_FALSE(anchored.has_mask);
}

}  // namespace
}  // namespace precinct::models
