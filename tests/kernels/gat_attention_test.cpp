// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/gat_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <random>
#include <vector>

#include "tests/support/central_differences.h"

namespace precinct::kernels {
namespace {

using OptionalTensor = std::optional<at::Tensor>;
constexpr std::int64_t kRandom = -1;

/// One graph with its features; all tensors float64.
struct Case {
  AttentionEdges edges;
  at::Tensor packed, edge;  // [G, N, K W + 2 K], [E, K] or undefined
  std::int64_t heads = 1, width = 1;
  OptionalTensor score() const { return edge.defined() ? OptionalTensor(edge) : std::nullopt; }
  std::int64_t nodes() const { return packed.size(1); }
  /// What the output is differentiable in.
  std::vector<at::Tensor> variables() const {
    if (edge.defined()) return {packed, edge};
    return {packed};
  }
  /// The same case in another type, its inputs leaves that want gradients.
  Case as_leaves(at::ScalarType type) const {
    Case c = *this;
    c.packed = packed.to(type).detach().requires_grad_();
    if (edge.defined()) c.edge = edge.to(type).detach().requires_grad_();
    return c;
  }
};

/// Edges by target; every node has a loop, `extra` more lead anywhere: repeated ones and second
/// loops among them.
AttentionEdges random_edges(std::mt19937_64& random, std::int64_t nodes, std::int64_t extra) {
  std::vector<std::vector<std::int64_t>> sources_of(static_cast<std::size_t>(nodes));
  for (std::int64_t n = 0; n < nodes; ++n) sources_of[static_cast<std::size_t>(n)].push_back(n);
  for (std::int64_t e = 0; e < extra; ++e)
    sources_of[random() % sources_of.size()].push_back(
        static_cast<std::int64_t>(random() % sources_of.size()));
  std::vector<std::int64_t> sources, targets, first{0};
  for (std::int64_t n = 0; n < nodes; ++n) {
    for (const std::int64_t j : sources_of[static_cast<std::size_t>(n)]) {
      sources.push_back(j);
      targets.push_back(n);
    }
    first.push_back(static_cast<std::int64_t>(sources.size()));
  }
  return {at::tensor(sources, at::kLong), at::tensor(targets, at::kLong),
          at::tensor(first, at::kLong)};
}

Case random_case(std::mt19937_64& random, std::int64_t extra = kRandom, double scale = 1) {
  constexpr std::int64_t kWidths[] = {1, 2, 3, 4, 5, 8, 16};
  Case c;
  const std::int64_t nodes = 1 + static_cast<std::int64_t>(random() % 8);
  c.edges = random_edges(random, nodes,
                         extra == kRandom ? static_cast<std::int64_t>(random() % 16) : extra);
  c.heads = 1 + static_cast<std::int64_t>(random() % 4);
  c.width = kWidths[random() % 7];
  auto generator = at::detail::createCPUGenerator(random());
  const std::int64_t graphs = 1 + static_cast<std::int64_t>(random() % 3);
  c.packed = at::randn({graphs, nodes, c.heads * (c.width + 2)}, generator,
                       at::TensorOptions(at::kDouble)) *
             scale;
  if (random() % 2)
    c.edge =
        at::randn({c.edges.sources.size(0), c.heads}, generator, at::TensorOptions(at::kDouble));
  return c;
}

/// The formula of the header with a dense sum over all pairs of nodes.
at::Tensor dense(const Case& c) {
  const std::int64_t graphs = c.packed.size(0), nodes = c.nodes(), heads = c.heads, width = c.width;
  at::Tensor out = at::zeros({graphs, nodes, heads * width}, at::kDouble);
  const auto x = c.packed.accessor<double, 3>();
  auto y = out.accessor<double, 3>();
  const auto* source = c.edges.sources.const_data_ptr<std::int64_t>();
  const auto* target = c.edges.targets.const_data_ptr<std::int64_t>();
  for (std::int64_t g = 0; g < graphs; ++g)
    for (std::int64_t k = 0; k < heads; ++k)
      for (std::int64_t i = 0; i < nodes; ++i) {
        std::vector<double> share(static_cast<std::size_t>(nodes), 0.0);
        double sum = 0;
        for (std::int64_t e = 0; e < c.edges.sources.size(0); ++e) {
          if (target[e] != i) continue;
          double z = x[g][source[e]][heads * width + k] + x[g][i][heads * width + heads + k];
          if (c.edge.defined()) z += c.edge[e][k].item<double>();
          const double weight = std::exp(z > 0 ? z : 0.2 * z);
          share[static_cast<std::size_t>(source[e])] += weight;
          sum += weight;
        }
        for (std::int64_t j = 0; j < nodes; ++j)
          for (std::int64_t w = 0; w < width; ++w)
            y[g][i][k * width + w] +=
                share[static_cast<std::size_t>(j)] / sum * x[g][j][k * width + w];
      }
  return out;
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0 : (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

void expect_formula(const Case& c) {
  const at::Tensor expected = dense(c);
  EXPECT_LE(distance(gat_attention(c.packed, c.score(), c.edges, c.heads), expected), 1e-12);
  EXPECT_LE(distance(gat_attention_reference(c.packed, c.score(), c.edges, c.heads), expected),
            1e-12);
  OptionalTensor score;
  if (c.edge.defined()) score = c.edge.to(at::kFloat);
  const at::Tensor single = gat_attention(c.packed.to(at::kFloat), score, c.edges, c.heads);
  EXPECT_EQ(single.scalar_type(), at::kFloat);
  EXPECT_LE(distance(single, expected), 1e-5);
}

TEST(GatAttention, EqualsTheDenseFormula) {
  std::cout << "seed 11\n";
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    expect_formula(random_case(random));
  }
}

TEST(GatAttention, SpecialGraphsEqualTheDenseFormula) {
  std::mt19937_64 random(12);
  for (int round = 0; round < 20; ++round) {  // no edges: every node sees itself alone
    const Case c = random_case(random, 0);
    expect_formula(c);
    const at::Tensor y = gat_attention(c.packed, c.score(), c.edges, c.heads);
    EXPECT_LE(distance(y, c.packed.slice(2, 0, c.heads * c.width)), 1e-12);
  }
  // node 0: loop twice and an edge three times over; node 2: isolated but for its loop
  Case c = random_case(random);
  c.edges = {at::tensor({0, 0, 1, 1, 1, 1, 0, 2}, at::kLong),
             at::tensor({0, 0, 0, 0, 0, 1, 1, 2}, at::kLong), at::tensor({0, 5, 7, 8}, at::kLong)};
  c.heads = 2;
  c.width = 4;
  c.packed = at::randn({2, 3, 12}, at::kDouble);
  c.edge = at::Tensor();
  expect_formula(c);
  c.edge = at::randn({8, 2}, at::kDouble);
  expect_formula(c);
}

TEST(GatAttention, LargeScoresDoNotOverflow) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 50; ++round) {
    Case c = random_case(random);
    c.packed.slice(2, c.heads * c.width).mul_(60);  // exp of a sum of them is beyond float32
    const at::Tensor y = gat_attention(c.packed.to(at::kFloat), {}, c.edges, c.heads);
    c.edge = at::Tensor();
    c.packed = c.packed.to(at::kFloat).to(at::kDouble);
    EXPECT_TRUE(at::isfinite(y).all().item<bool>());
    EXPECT_LE(distance(y, dense(c)), 1e-4) << round;  // scores of 200 have 1e-5 in their last bit
  }
}

TEST(GatAttention, GradientsAgreeWithCentralDifferences) {
  std::cout << "seed 14\n";
  std::mt19937_64 random(14);
  for (int round = 0; round < 40; ++round) {
    const Case c = random_case(random).as_leaves(at::kDouble);
    const at::Tensor weight =
        at::randn({c.packed.size(0), c.nodes(), c.heads * c.width}, at::kDouble);
    const auto loss = [&] {
      return (gat_attention(c.packed, c.score(), c.edges, c.heads) * weight).sum();
    };
    EXPECT_LE(test::gradient_error(c.variables(), loss), 1e-6) << round;
  }
}

TEST(GatAttention, GradientsAgreeWithThoseOfTheReference) {
  std::mt19937_64 random(15);
  for (int round = 0; round < 100; ++round) {
    for (const auto type : {at::kDouble, at::kFloat}) {
      const Case c = random_case(random).as_leaves(type);
      const at::Tensor weight = at::randn({c.packed.size(0), c.nodes(), c.heads * c.width}, type);
      const at::Tensor y = gat_attention(c.packed, c.score(), c.edges, c.heads),
                       reference = gat_attention_reference(c.packed, c.score(), c.edges, c.heads);
      const auto mine = torch::autograd::grad({(y * weight).sum()}, c.variables());
      const auto theirs = torch::autograd::grad({(reference * weight).sum()}, c.variables());
      for (std::size_t v = 0; v < mine.size(); ++v)
        EXPECT_LE(distance(mine[v], theirs[v]), type == at::kDouble ? 1e-12 : 1e-5) << round;
    }
  }
}

// The form that devices without a kernel of their own run: asked for by another device's key.
TEST(GatAttention, FormOfOtherDevicesIsTheSame) {
  const c10::DispatchKeySet other(c10::DispatchKey::XPU);
  const auto forward =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("precinct::gat_attention", "")
          .typed<at::Tensor(const at::Tensor&, const OptionalTensor&, const at::Tensor&,
                            const at::Tensor&, const at::Tensor&, std::int64_t)>();
  const auto backward =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("precinct::gat_attention_backward", "")
          .typed<std::tuple<at::Tensor, at::Tensor>(
              const at::Tensor&, const at::Tensor&, const OptionalTensor&, const at::Tensor&,
              const at::Tensor&, const at::Tensor&, std::int64_t)>();
  std::mt19937_64 random(16);
  for (int round = 0; round < 50; ++round) {
    const Case c = random_case(random);
    const AttentionEdges& e = c.edges;
    const at::Tensor y = gat_attention(c.packed, c.score(), e, c.heads);
    EXPECT_LE(distance(forward.redispatch(other, c.packed, c.score(), e.sources, e.targets,
                                          e.first_edge, c.heads),
                       y),
              1e-12);
    const at::Tensor grad = at::randn_like(y);
    const auto [packed, edge] =
        backward.call(grad, c.packed, c.score(), e.sources, e.targets, e.first_edge, c.heads);
    const auto [packed_2, edge_2] = backward.redispatch(other, grad, c.packed, c.score(), e.sources,
                                                        e.targets, e.first_edge, c.heads);
    EXPECT_LE(distance(packed, packed_2), 1e-12);
    EXPECT_EQ(edge.defined(), edge_2.defined());
    if (edge.defined()) {
      EXPECT_LE(distance(edge, edge_2), 1e-12);
    }
  }
}

TEST(GatAttention, AGraphOfABatchEqualsThatGraphAloneAndThreadsChangeNothing) {
  std::mt19937_64 random(17);
  Case c = random_case(random, 12);
  c.heads = 2;
  c.width = 8;
  c.packed = at::randn({100, c.nodes(), 20}).requires_grad_();
  c.edge = at::randn({c.edges.sources.size(0), 2}).requires_grad_();
  const auto run = [&] {
    const at::Tensor y = gat_attention(c.packed, c.score(), c.edges, 2);
    auto grads = torch::autograd::grad({y.square().sum()}, {c.packed, c.edge});
    grads.push_back(y);
    return grads;
  };
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = run();
  at::set_num_threads(2);
  const auto two = run();
  at::set_num_threads(before);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], two[i])) << i;
  for (const std::int64_t g : {0, 31, 32, 99})
    EXPECT_TRUE(at::equal(gat_attention(c.packed.slice(0, g, g + 1), c.score(), c.edges, 2),
                          one[2].slice(0, g, g + 1)));
}

TEST(GatAttention, RunsInFloat32UnderAutocast) {
  std::mt19937_64 random(18);
  const Case c = random_case(random, 9);
  const at::Tensor half = c.packed.to(at::kBFloat16);
  Case rounded = c;
  rounded.packed = half.to(at::kDouble);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const at::Tensor y = gat_attention(half, c.score(), c.edges, c.heads);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_LE(distance(y, dense(rounded)), 1e-5);
}

TEST(GatAttention, WrongShapesAndSecondDerivativesAreRefused) {
  std::mt19937_64 random(19);
  const Case c = random_case(random, 3);
  EXPECT_THROW(gat_attention(c.packed[0], {}, c.edges, c.heads), c10::Error);
  EXPECT_THROW(gat_attention(c.packed, {}, c.edges, c.packed.size(2)), c10::Error);
  EXPECT_THROW(gat_attention(at::cat({c.packed, c.packed}, 1), {}, c.edges, c.heads), c10::Error);
  EXPECT_THROW(gat_attention(c.packed, at::ones({1, 1, 1}), c.edges, c.heads), c10::Error);
  const at::Tensor x = c.packed.detach().requires_grad_();
  const auto twice = [&] {
    return torch::autograd::grad({gat_attention(x, {}, c.edges, c.heads).square().sum()}, {x}, {},
                                 true, /*create_graph=*/true);
  };
  try {
    twice();
    FAIL() << "expected an error that names the operator";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("precinct::gat_attention: double backward"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace precinct::kernels
