// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/graph_attention.h"

#include <cmath>

#include "base/error.h"

namespace precinct::models {
namespace {

constexpr double kSlope = 0.2;

// logits: [G, E, K] -> shares that sum to 1 over the in-edges of each node.
torch::Tensor softmax_by_target(const torch::Tensor& logits, const torch::Tensor& targets,
                                std::int64_t num_nodes) {
  const auto shape = std::vector<std::int64_t>{logits.size(0), num_nodes, logits.size(2)};
  torch::Tensor largest;
  {
    const torch::NoGradGuard no_grad;  // cancels in the quotient
    largest = torch::full(shape, -std::numeric_limits<double>::infinity(), logits.options())
                  .index_reduce_(1, targets, logits.detach(), "amax");
  }
  const torch::Tensor weights = (logits - largest.index_select(1, targets)).exp();
  const torch::Tensor sums = torch::zeros(shape, logits.options()).index_add(1, targets, weights);
  return weights / sums.index_select(1, targets);
}

}  // namespace

GraphAttentionImpl::GraphAttentionImpl(const GraphAttentionOptions& options,
                                       const AttentionGraph& graph)
    : options_(options), num_nodes_(graph.num_nodes) {
  const std::int64_t width = options.num_heads * options.head_width;
  const auto linear = [&](const char* name) {
    return register_module(
        name, torch::nn::Linear(torch::nn::LinearOptions(options.in, width).bias(false)));
  };
  const auto vector = [&](const char* name) {
    return register_parameter(name, torch::zeros({options.num_heads, options.head_width}));
  };
  if (options.is_v2) {
    source_ = linear("lin_src");
    target_ = linear("lin_dst");
    att_ = vector("att");
  } else {
    source_ = linear("lin");
    att_src_ = vector("att_src");
    att_dst_ = vector("att_dst");
  }
  if (graph.log_weight.defined()) {
    edge_ = register_parameter("att_edge", torch::zeros({options.num_heads}));
    log_weight_ = register_buffer("log_weight", graph.log_weight.clone());
  }
  sources_ = register_buffer("sources", graph.sources.clone());
  targets_ = register_buffer("targets", graph.targets.clone());
  first_edge_ = register_buffer("first_edge", graph.first_edge.clone());
}

InitialDistribution GraphAttentionImpl::initial(const std::string& parameter) const {
  if (parameter == "att_edge") return InitialDistribution::zero();
  return InitialDistribution::uniform(1 / std::sqrt(static_cast<double>(options_.head_width)));
}

torch::Tensor GraphAttentionImpl::forward(const torch::Tensor& x) {
  PRECINCT_CHECK(
      x.dim() == 3 && x.size(1) == num_nodes_, ShapeError,
      "graph attention: expected [G, {}, F], found {} nodes; the graph is of another panel",
      num_nodes_, x.dim() == 3 ? x.size(1) : -1);
  const std::int64_t num_graphs = x.size(0), heads = options_.num_heads,
                     width = options_.head_width;
  const torch::Tensor h = source_(x).view({num_graphs, num_nodes_, heads, width});
  const torch::Tensor h_j = h.index_select(1, sources_);  // [G, E, K, W]
  torch::Tensor logits;                                   // [G, E, K]
  const auto edge_term = [&] { return log_weight_.unsqueeze(-1) * edge_; };
  if (options_.is_v2) {
    const torch::Tensor h_i =
        target_(x).view({num_graphs, num_nodes_, heads, width}).index_select(1, targets_);
    logits = (torch::leaky_relu(h_j + h_i, kSlope) * att_).sum(-1);
    if (edge_.defined()) logits = logits + edge_term();
  } else {
    const torch::Tensor from = (h * att_src_).sum(-1), to = (h * att_dst_).sum(-1);  // [G, N, K]
    logits = from.index_select(1, sources_) + to.index_select(1, targets_);
    if (edge_.defined()) logits = logits + edge_term();
    logits = torch::leaky_relu(logits, kSlope);
  }
  const torch::Tensor alpha = softmax_by_target(logits, targets_, num_nodes_);
  return torch::zeros_like(h)
      .index_add(1, targets_, h_j * alpha.unsqueeze(-1))
      .view({num_graphs, num_nodes_, heads * width});
}

}  // namespace precinct::models
