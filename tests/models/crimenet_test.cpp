// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/plain_network.h"

namespace precinct::models {
namespace {

/// One torch::nn::LSTM of one layer, with the weights of our layer `index`.
torch::Tensor torch_layer(test::PlainNetwork& plain, int index, const torch::Tensor& x) {
  torch::nn::LSTM lstm(x.size(2), 8);
  lstm->to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  for (auto& item : lstm->named_parameters()) {
    std::string name = "lstm." + item.key();
    name.back() = static_cast<char>('0' + index);
    item.value().copy_(plain.parameter(name));
  }
  return std::get<0>(lstm->forward(x));
}

torch::Tensor plain_crimenet(test::PlainNetwork& plain, bool training) {
  const auto& sizes = plain.sizes;
  torch::Tensor x = plain.encoded().flatten(1, 2);  // [T, B N, D]
  for (int i = 0; i < 2; ++i) {
    x = torch_layer(plain, i, x);
    if (!training || i == 1) continue;
    const torch::Tensor by_window =
        x.view({sizes.lookback, sizes.windows, sizes.nodes, -1}).transpose(0, 1);
    x = (by_window * plain.dropped("lstm.l0", by_window)).transpose(0, 1).flatten(1, 2);
  }
  return plain.linear("output", x[-1]).view({sizes.windows, 1, sizes.nodes, -1});
}

TEST(CrimeNet, EqualsTorchsLstmBetweenEncoderAndHead) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    test::PlainNetwork plain("crimenet", seed);
    for (const bool training : {false, true}) {
      plain.model->train(training);
      EXPECT_LE(plain.distance(plain_crimenet(plain, training)), 1e-12) << seed << training;
    }
  }
}

TEST(CrimeNet, OneStateDictOfTorchHoldsItsLstm) {
  test::PlainNetwork plain("crimenet", 3);
  plain.model->eval();
  torch::nn::LSTM lstm(torch::nn::LSTMOptions(8, 8).num_layers(2));
  lstm->to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  for (auto& item : lstm->named_parameters())
    item.value().copy_(plain.parameter("lstm." + item.key()));
  const torch::Tensor h = std::get<0>(lstm->forward(plain.encoded().flatten(1, 2)));
  const torch::Tensor state =
      plain.linear("output", h[-1]).view({plain.sizes.windows, 1, plain.sizes.nodes, -1});
  EXPECT_LE(plain.distance(state), 1e-12);
}

}  // namespace
}  // namespace precinct::models
