// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/plain_network.h"

namespace precinct::models {
namespace {

namespace F = torch::nn::functional;

/// One layer of attention with a dense [N, N] matrix of shares, self loops added. x: [T, B, N, D].
torch::Tensor attend(test::PlainNetwork& plain, const std::string& name, const torch::Tensor& x) {
  const auto& context = plain.context;
  const bool is_v2 = plain.config.model.attention == "gatv2";
  const std::int64_t nodes = context.num_nodes, heads = plain.config.model.num_heads;
  const auto by_head = [&](const std::string& weight) {
    return F::linear(x, plain.parameter(name + weight))
        .view({x.size(0), x.size(1), nodes, heads, -1});
  };
  const torch::Tensor h = by_head(is_v2 ? ".lin_src.weight" : ".lin.weight");
  torch::Tensor bias = torch::full({nodes, nodes, 1}, -INFINITY, torch::kDouble);  // [i, j, 1]
  torch::Tensor log_weight = torch::zeros({nodes, nodes, 1}, torch::kDouble);
  for (std::int64_t n = 0; n < nodes; ++n) bias[n][n] = 0;
  for (std::int64_t e = 0; e < context.edge_index.size(1); ++e) {
    const auto j = context.edge_index[0][e].item<std::int64_t>(),
               i = context.edge_index[1][e].item<std::int64_t>();
    bias[i][j] = 0;
    log_weight[i][j] = std::log(context.edge_weight[e].item<float>());
  }
  if (plain.sizes.has_weights) log_weight = log_weight * plain.parameter(name + ".att_edge");
  torch::Tensor score;  // [T, B, i, j, K]
  if (is_v2) {
    const torch::Tensor sum = by_head(".lin_dst.weight").unsqueeze(3) + h.unsqueeze(2);
    score = (torch::leaky_relu(sum, 0.2) * plain.parameter(name + ".att")).sum(-1) + log_weight;
  } else {
    const torch::Tensor to = (h * plain.parameter(name + ".att_dst")).sum(-1).unsqueeze(3),
                        from = (h * plain.parameter(name + ".att_src")).sum(-1).unsqueeze(2);
    score = torch::leaky_relu(to + from + log_weight, 0.2);
  }
  const torch::Tensor alpha = torch::softmax(score + bias, 3);
  return torch::einsum("tbijk,tbjkw->tbikw", {alpha, h}).flatten(3);
}

/// Attention per bin, then every block at every bin: nothing is left out.
torch::Tensor plain_gat_tcn(test::PlainNetwork& plain, bool training) {
  const auto& sizes = plain.sizes;
  torch::Tensor x = plain.encoded();  // [T, B, N, D]
  for (int i = 0; i < 2; ++i) {
    const std::string name = "gat." + std::to_string(i);
    torch::Tensor y = torch::elu(attend(plain, name, x));
    if (training) y = y * plain.dropped(name, y.transpose(0, 1)).transpose(0, 1);
    x = x + y;
  }
  torch::Tensor row = x.flatten(1, 2), skips;  // [T, B N, D]
  for (int i = 0; plain.has("tcn." + std::to_string(i) + ".skip.weight"); ++i) {
    const std::string name = "tcn." + std::to_string(i);
    const std::int64_t dilation = std::int64_t{1} << i;
    const torch::Tensor padded = F::pad(row.permute({1, 2, 0}), F::PadFuncOptions({dilation, 0}));
    const auto convolve = [&](const std::string& part) {
      return F::conv1d(padded, plain.parameter(name + part + ".weight"),
                       F::Conv1dFuncOptions()
                           .bias(plain.parameter(name + part + ".bias"))
                           .dilation(dilation))
          .permute({2, 0, 1});
    };
    const torch::Tensor z = torch::tanh(convolve(".filter")) * torch::sigmoid(convolve(".gate"));
    const torch::Tensor skip = plain.linear(name + ".skip", z);
    skips = skips.defined() ? skips + skip : skip;
    if (plain.has(name + ".residual.weight")) row = row + plain.linear(name + ".residual", z);
  }
  return plain.linear("output", torch::relu(skips[-1])).view({sizes.windows, 1, sizes.nodes, -1});
}

TEST(GatTcn, PrunedFormEqualsTheFullOne) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    test::PlainNetwork plain("gat_tcn", seed, [&](auto& config) {
      config.model.attention = seed % 2 ? "gatv1" : "gatv2";
    });
    for (const bool training : {false, true}) {
      plain.model->train(training);
      EXPECT_LE(plain.distance(plain_gat_tcn(plain, training)), 1e-12) << seed << training;
    }
  }
}

}  // namespace
}  // namespace precinct::models
