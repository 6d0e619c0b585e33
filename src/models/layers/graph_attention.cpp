// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/graph_attention.h"

#include <cmath>

#include "base/error.h"

namespace precinct::models {
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

SplitPlan GraphAttentionImpl::split_plan() const {
  SplitPlan plan;
  for (const auto& item : named_parameters()) plan[item.key()] = {};
  return plan;
}

torch::Tensor GraphAttentionImpl::forward(const torch::Tensor& all, const UnitSplit& split) {
  PRECINCT_CHECK(
      all.dim() == 3 && all.size(1) == num_nodes_, ShapeError,
      "graph attention: expected [G, {}, F], found {} nodes; the graph is of another panel",
      num_nodes_, all.dim() == 3 ? all.size(1) : -1);
  const torch::Tensor x = split.enter(all);
  const kernels::AttentionEdges edges{sources_, targets_, first_edge_};
  torch::Tensor edge;  // [E, K]
  if (edge_.defined()) edge = log_weight_.unsqueeze(-1) * edge_;
  return options_.is_v2 ? forward_v2(x, edge, edges) : forward_v1(x, edge, edges);
}

// a . W x = (a W) x: values and both scores come from one matrix product.
torch::Tensor GraphAttentionImpl::forward_v1(const torch::Tensor& x, const torch::Tensor& edge,
                                             const kernels::AttentionEdges& edges) {
  const torch::Tensor by_head =
      source_->weight.view({att_src_.size(0), options_.head_width, options_.in});
  const torch::Tensor weight =
      torch::cat({source_->weight, (att_src_.unsqueeze(-1) * by_head).sum(1),
                  (att_dst_.unsqueeze(-1) * by_head).sum(1)});
  std::optional<torch::Tensor> edge_score;
  if (edge.defined()) edge_score = edge;
  return kernels::gat_attention(at::linear(x, weight), edge_score, edges, att_src_.size(0));
}

torch::Tensor GraphAttentionImpl::forward_v2(const torch::Tensor& x, const torch::Tensor& edge,
                                             const kernels::AttentionEdges& edges) {
  const std::vector<std::int64_t> shape{x.size(0), num_nodes_, att_.size(0), options_.head_width};
  const torch::Tensor h = source_(x).view(shape);
  const torch::Tensor h_j = h.index_select(1, sources_);  // [G, E, K, W]
  const torch::Tensor h_i = target_(x).view(shape).index_select(1, targets_);
  torch::Tensor logits = (torch::leaky_relu(h_j + h_i, kernels::kAttentionSlope) * att_).sum(-1);
  if (edge.defined()) logits = logits + edge;
  const torch::Tensor alpha = kernels::softmax_by_target(logits, edges);
  return torch::zeros_like(h).index_add(1, targets_, h_j * alpha.unsqueeze(-1)).flatten(2);
}

}  // namespace precinct::models
