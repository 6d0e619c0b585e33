// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/keyed_lstm.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "tests/support/made_batch.h"

namespace precinct::models {
namespace {

struct Pair {
  KeyedLstm ours{nullptr};
  torch::nn::LSTM torchs{nullptr};
};

/// Ours and one torch::nn::LSTM with the same state dict: torch's names load into ours.
Pair made_pair(std::int64_t in, std::int64_t hidden, std::int64_t num_layers, at::ScalarType type) {
  Pair pair;
  pair.ours = KeyedLstm(in, hidden, num_layers);
  pair.torchs = torch::nn::LSTM(torch::nn::LSTMOptions(in, hidden).num_layers(num_layers));
  pair.torchs->to(type);
  const torch::NoGradGuard no_grad;
  const auto theirs = pair.torchs->named_parameters();
  EXPECT_EQ(pair.ours->named_parameters().size(), theirs.size());
  for (auto& item : pair.ours->named_parameters()) {
    EXPECT_EQ(item.value().sizes(), theirs[item.key()].sizes());
    item.value().set_data(theirs[item.key()].clone());
  }
  return pair;
}

torch::Tensor run(KeyedLstm& lstm, torch::Tensor x) {
  for (std::int64_t i = 0; i < lstm->num_layers(); ++i) x = lstm->layer(i, x);
  return x;
}

TEST(KeyedLstm, EqualsTorchsLstmInOutputAndGradient) {
  std::cout << "seed 41\n";
  std::mt19937_64 random(41);
  torch::manual_seed(41);
  for (int round = 0; round < 60; ++round) {
    for (const auto type : {torch::kDouble, torch::kFloat}) {
      SCOPED_TRACE(round);
      const auto draw = [&](int most) { return 1 + static_cast<std::int64_t>(random() % most); };
      const std::int64_t in = draw(6), hidden = draw(9), bins = draw(12), rows = draw(5);
      Pair pair = made_pair(in, hidden, draw(3), type);
      pair.ours->train(round % 2 == 0);
      pair.torchs->train(round % 2 == 0);
      const double tolerance = type == torch::kDouble ? 1e-12 : 1e-5;
      const torch::Tensor x = torch::randn({bins, rows, in}, type).requires_grad_();
      const torch::Tensor mine = run(pair.ours, x), theirs = std::get<0>(pair.torchs->forward(x));
      EXPECT_LE((mine - theirs).abs().max().item<double>(), tolerance);
      const torch::Tensor weight = torch::randn_like(mine);
      auto inputs = pair.ours->parameters(), inputs_2 = pair.torchs->parameters();
      inputs.push_back(x);
      inputs_2.push_back(x);
      const auto grads = torch::autograd::grad({(mine * weight).sum()}, inputs);
      const auto grads_2 = torch::autograd::grad({(theirs * weight).sum()}, inputs_2);
      for (std::size_t i = 0; i < grads.size(); ++i)
        EXPECT_LE((grads[i] - grads_2[i]).abs().max().item<double>(), 10 * tolerance) << i;
    }
  }
}

TEST(KeyedLstm, GradientsAgreeWithCentralDifferences) {
  torch::manual_seed(42);
  for (const std::int64_t num_layers : {1, 2, 3}) {
    KeyedLstm lstm(3, 4, num_layers);
    initialize_by_name(*lstm, 42);
    test::to_double(*lstm);
    const torch::Tensor x = torch::randn({5, 2, 3}, torch::kDouble).requires_grad_();
    const torch::Tensor weight = torch::randn({5, 2, 4}, torch::kDouble);
    auto variables = lstm->parameters();
    variables.push_back(x);
    const auto loss = [&] { return (run(lstm, x) * weight).sum(); };
    EXPECT_LE(test::gradient_error(variables, loss), 1e-6) << num_layers;
  }
}

TEST(KeyedLstm, StartsAsTorchDoesWithinTheRootOfItsWidth) {
  KeyedLstm lstm(5, 25, 2);
  initialize_by_name(*lstm, 3);
  for (const auto& item : lstm->named_parameters()) {
    EXPECT_LE(item.value().abs().max().item<double>(), 0.2) << item.key();
    EXPECT_GT(item.value().abs().max().item<double>(), 0.17) << item.key();
  }
}

}  // namespace
}  // namespace precinct::models
