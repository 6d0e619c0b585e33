// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/plain_network.h"

namespace precinct::models {
namespace {

/// Linear maps over the flattened, concatenated lookback, as the paper draws them.
torch::Tensor plain_dnn(test::PlainNetwork& plain, bool training) {
  const auto& sizes = plain.sizes;
  torch::Tensor x = plain
                        .encoded()  // [T, B, N, D]
                        .permute({1, 2, 0, 3})
                        .reshape({sizes.windows, sizes.nodes, -1});
  for (int i = 0; i < 3; ++i) {
    const std::string name = "layers." + std::to_string(i);
    x = torch::relu(plain.linear(name, x));
    if (training) x = (x.unsqueeze(1) * plain.dropped(name, x.unsqueeze(1))).squeeze(1);
  }
  return plain.linear("output", x)
      .view({sizes.windows, sizes.nodes, sizes.horizon, -1})
      .transpose(1, 2);
}

TEST(Dnn, EqualsItsPlainForm) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    test::PlainNetwork plain("dnn", seed, [](auto& config) { config.model.num_layers = 3; });
    for (const bool training : {false, true}) {
      plain.model->train(training);
      EXPECT_LE(plain.distance(plain_dnn(plain, training)), 1e-12) << seed << training;
    }
  }
}

TEST(Dnn, HasTheDocumentedDefaults) {
  test::PlainNetwork plain("dnn", 1, [](auto& config) {
    config.model.num_layers = 0;
    config.model.hidden = 0;
  });
  const auto p = plain.model->named_parameters();
  EXPECT_TRUE(p.contains("layers.2.weight"));
  EXPECT_FALSE(p.contains("layers.3.weight"));
  EXPECT_EQ(p["layers.2.weight"].sizes(), (at::IntArrayRef{128, 128}));
}

}  // namespace
}  // namespace precinct::models
