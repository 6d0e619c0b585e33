// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/graph_attention.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/error.h"
#include "models/layers/attention_graph.h"
#include "tests/support/made_batch.h"

namespace precinct::models {
namespace {

/// Edges of a made graph: any two nodes, loops and repetitions among them.
struct MadeEdges {
  std::int64_t nodes = 1;
  std::vector<std::int64_t> sources, targets;
  std::vector<float> weights;
  torch::Tensor index() const {
    return torch::stack(
        {torch::tensor(sources, torch::kInt64), torch::tensor(targets, torch::kInt64)});
  }
  torch::Tensor weight() const { return torch::tensor(weights); }
};

MadeEdges random_edges(std::mt19937_64& random, bool weighted) {
  MadeEdges made;
  made.nodes = 1 + static_cast<std::int64_t>(random() % 7);
  const auto size = random() % 15;
  for (std::size_t e = 0; e < size; ++e) {
    made.sources.push_back(static_cast<std::int64_t>(random() % made.nodes));
    made.targets.push_back(static_cast<std::int64_t>(random() % made.nodes));
    made.weights.push_back(weighted ? 0.1F + static_cast<float>(random() % 100) / 40 : 1.0F);
  }
  return made;
}

GraphAttention made_layer(const MadeEdges& edges, const GraphAttentionOptions& options,
                          std::uint64_t seed) {
  GraphAttention layer(options, AttentionGraph::build(edges.index(), edges.weight(), edges.nodes));
  initialize_by_name(*layer, seed);
  test::shake(*layer, seed);  // the weight of edge weights starts at zero
  return layer;
}

/// y_i = sum_j alpha_ij W x_j over all pairs of nodes, from the header's formula.
torch::Tensor dense(const GraphAttention& layer, const MadeEdges& edges,
                    const GraphAttentionOptions& o, const torch::Tensor& x) {
  const auto parameter = [&](const char* name) {
    return layer->named_parameters()[name].detach().to(torch::kDouble);
  };
  const auto by_head = [&](const torch::Tensor& weight) {  // [G, N, K, W]
    return torch::matmul(x.to(torch::kDouble), weight.t())
        .view({x.size(0), edges.nodes, o.num_heads, o.head_width});
  };
  const torch::Tensor h = by_head(parameter(o.is_v2 ? "lin_src.weight" : "lin.weight"));
  torch::Tensor score;  // e_ij: [G, i, j, K]
  if (o.is_v2) {
    const torch::Tensor h_i = by_head(parameter("lin_dst.weight"));
    const torch::Tensor sum = h_i.unsqueeze(2) + h.unsqueeze(1);
    score = (torch::where(sum > 0, sum, 0.2 * sum) * parameter("att")).sum(-1);
  } else {
    score = (h * parameter("att_dst")).sum(-1).unsqueeze(2) +
            (h * parameter("att_src")).sum(-1).unsqueeze(1);
  }
  const bool weighted = layer->named_parameters().contains("att_edge");
  // how often j -> i is there: exp(e_ij) summed over its edges, each with its own weight
  torch::Tensor share = torch::zeros_like(score);
  const auto add = [&](std::int64_t i, std::int64_t j, double log_weight) {
    torch::Tensor e = score.select(1, i).select(1, j);  // [G, K]
    if (weighted) e = e + parameter("att_edge") * log_weight;
    if (!o.is_v2) e = torch::where(e > 0, e, 0.2 * e);  // v1 puts the LeakyReLU around everything
    share.select(1, i).select(1, j).add_(e.exp());
  };
  for (std::size_t e = 0; e < edges.sources.size(); ++e)
    if (edges.sources[e] != edges.targets[e])
      add(edges.targets[e], edges.sources[e], std::log(edges.weights[e]));
  for (std::int64_t n = 0; n < edges.nodes; ++n) add(n, n, 0);
  const torch::Tensor alpha = share / share.sum(2, /*keepdim=*/true);
  return torch::einsum("gijk,gjkw->gikw", {alpha, h}).flatten(2);
}

struct Form {
  bool is_v2, weighted;
};

class BothForms : public testing::TestWithParam<Form> {
 protected:
  GraphAttentionOptions random_options(std::mt19937_64& random) const {
    return {1 + static_cast<std::int64_t>(random() % 6),
            1 + static_cast<std::int64_t>(random() % 4),
            1 + static_cast<std::int64_t>(random() % 5), GetParam().is_v2};
  }
};
INSTANTIATE_TEST_SUITE_P(GraphAttention, BothForms,
                         testing::Values(Form{false, false}, Form{false, true}, Form{true, false},
                                         Form{true, true}),
                         [](const auto& info) {
                           return std::string(info.param.is_v2 ? "gatv2" : "gatv1") +
                                  (info.param.weighted ? "_weights" : "");
                         });

TEST_P(BothForms, EqualTheDenseFormula) {
  std::cout << "seed 31\n";
  std::mt19937_64 random(31);
  torch::manual_seed(31);
  for (int round = 0; round < 80; ++round) {
    SCOPED_TRACE(round);
    const MadeEdges edges = random_edges(random, GetParam().weighted);
    const auto options = random_options(random);
    auto layer = made_layer(edges, options, random());
    const torch::Tensor x = torch::randn({3, edges.nodes, options.in});
    const torch::Tensor single = layer->forward(x);
    EXPECT_LE((single - dense(layer, edges, options, x)).abs().max().item<double>(), 1e-5);
    test::to_double(*layer);
    const torch::Tensor exact = layer->forward(x.to(torch::kDouble));
    EXPECT_EQ(exact.sizes(),
              (at::IntArrayRef{3, edges.nodes, options.num_heads * options.head_width}));
    EXPECT_LE((exact - dense(layer, edges, options, x)).abs().max().item<double>(), 1e-12);
  }
}

TEST_P(BothForms, HaveGradientsThatAgreeWithCentralDifferences) {
  std::cout << "seed 32\n";
  std::mt19937_64 random(32);
  torch::manual_seed(32);
  for (int round = 0; round < 12; ++round) {
    const MadeEdges edges = random_edges(random, GetParam().weighted);
    const auto options = random_options(random);
    auto layer = made_layer(edges, options, random());
    test::to_double(*layer);
    const torch::Tensor x =
        torch::randn({2, edges.nodes, options.in}, torch::kDouble).requires_grad_();
    const torch::Tensor weight = torch::randn_like(layer->forward(x)).detach();
    std::vector<torch::Tensor> variables = layer->parameters();
    variables.push_back(x);
    EXPECT_LE(test::gradient_error(variables, [&] { return (layer->forward(x) * weight).sum(); }),
              1e-6)
        << round;
  }
}

TEST_P(BothForms, PermutingNodesPermutesTheOutput) {
  std::mt19937_64 random(33);
  torch::manual_seed(33);
  for (int round = 0; round < 100; ++round) {
    const MadeEdges edges = random_edges(random, GetParam().weighted);
    const auto options = random_options(random);
    const std::uint64_t seed = random();
    auto layer = made_layer(edges, options, seed);
    const torch::Tensor order = torch::randperm(edges.nodes, torch::kInt64);
    const torch::Tensor inverse = order.argsort();
    MadeEdges moved = edges;
    for (auto* ends : {&moved.sources, &moved.targets})
      for (auto& n : *ends) n = inverse[n].item<std::int64_t>();
    auto other = made_layer(moved, options, seed);
    const torch::Tensor x = torch::randn({2, edges.nodes, options.in});
    EXPECT_TRUE(torch::allclose(other->forward(x.index_select(1, order)),
                                layer->forward(x).index_select(1, order), 1e-5, 1e-5))
        << round;
  }
}

TEST(AttentionGraph, AddsOneLoopANodeAndKeepsRepeatedEdges) {
  const auto index = torch::tensor({{1, 0, 0, 2, 2, 1}, {0, 1, 1, 2, 2, 1}}, torch::kInt64);
  const auto graph = AttentionGraph::build(index, {}, 4);
  EXPECT_TRUE(torch::equal(graph.targets, torch::tensor({0, 0, 1, 1, 1, 2, 3}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(graph.sources, torch::tensor({0, 1, 0, 0, 1, 2, 3}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(graph.first_edge, torch::tensor({0, 2, 5, 6, 7}, torch::kInt64)));
  EXPECT_FALSE(graph.log_weight.defined());
  EXPECT_FALSE(AttentionGraph::build(index, torch::ones({6}), 4).log_weight.defined());
}

TEST(AttentionGraph, LogWeightsStandOnTheirEdgesAndLoopsHaveNone) {
  const auto index = torch::tensor({{1, 0, 1}, {0, 1, 1}}, torch::kInt64);
  const auto graph = AttentionGraph::build(index, torch::tensor({2.0F, 0.5F, 9.0F}), 2);
  const auto expected = torch::tensor({0.0F, std::log(2.0F), std::log(0.5F), 0.0F});
  EXPECT_TRUE(torch::equal(graph.log_weight, expected));
}

TEST(AttentionGraph, WithoutEdgesEachNodeHasItsLoop) {
  const auto graph = AttentionGraph::build({}, {}, 3);
  EXPECT_TRUE(torch::equal(graph.sources, torch::arange(3)));
  EXPECT_TRUE(torch::equal(graph.first_edge, torch::arange(4)));
}

TEST(AttentionGraph, NodesOutsideAndWeightsOfZeroAreRefused) {
  const auto index = torch::tensor({{0, 1}, {1, 2}}, torch::kInt64);
  try {
    AttentionGraph::build(index, {}, 2);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()),
              "graph edge 1: expected nodes in 0..1, found 1 -> 2; build the graph from the same "
              "panel");
  }
  EXPECT_THROW(AttentionGraph::build(index, torch::tensor({1.0F, 0.0F}), 3), DataError);
  EXPECT_THROW(AttentionGraph::build(index, torch::tensor({1.0F, NAN}), 3), DataError);
  GraphAttention layer(GraphAttentionOptions{2, 1, 2, false}, AttentionGraph::build(index, {}, 3));
  EXPECT_THROW(layer->forward(torch::zeros({1, 4, 2})), ShapeError);
}

}  // namespace
}  // namespace precinct::models
