// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/attention_graph.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "base/error.h"

namespace precinct::models {

AttentionGraph AttentionGraph::build(const torch::Tensor& edge_index,
                                     const torch::Tensor& edge_weight, std::int64_t num_nodes) {
  struct Edge {
    std::int64_t target, source;
    float log_weight;
  };
  std::vector<Edge> edges;
  bool weighted = false;
  if (edge_index.defined()) {
    const auto index = edge_index.to(torch::kCPU, torch::kInt64).contiguous();
    const auto weight = edge_weight.defined()
                            ? edge_weight.to(torch::kCPU, torch::kFloat32).contiguous()
                            : torch::ones({index.size(1)});
    const auto at = index.accessor<std::int64_t, 2>();
    const auto value = weight.accessor<float, 1>();
    for (std::int64_t e = 0; e < index.size(1); ++e) {
      const std::int64_t source = at[0][e], target = at[1][e];
      PRECINCT_CHECK(source >= 0 && source < num_nodes && target >= 0 && target < num_nodes,
                     DataError,
                     "graph edge {}: expected nodes in 0..{}, found {} -> {}; build the graph from "
                     "the same panel",
                     e, num_nodes - 1, source, target);
      PRECINCT_CHECK(value[e] > 0, DataError,
                     "graph edge {}: expected a weight above 0, found {}; leave such edges out", e,
                     value[e]);
      if (source == target) continue;
      weighted |= value[e] != 1.0F;
      edges.push_back({target, source, std::log(value[e])});
    }
  }
  for (std::int64_t node = 0; node < num_nodes; ++node) edges.push_back({node, node, 0.0F});
  std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
    return std::tie(a.target, a.source) < std::tie(b.target, b.source);
  });
  const auto size = static_cast<std::int64_t>(edges.size());
  AttentionGraph graph;
  graph.num_nodes = num_nodes;
  graph.sources = torch::empty({size}, torch::kInt64);
  graph.targets = torch::empty({size}, torch::kInt64);
  graph.first_edge = torch::zeros({num_nodes + 1}, torch::kInt64);
  torch::Tensor log_weight = torch::empty({size});
  auto first = graph.first_edge.accessor<std::int64_t, 1>();
  for (std::int64_t e = 0; e < size; ++e) {
    const Edge& edge = edges[static_cast<std::size_t>(e)];
    graph.sources[e] = edge.source;
    graph.targets[e] = edge.target;
    log_weight[e] = edge.log_weight;
    ++first[edge.target + 1];
  }
  for (std::int64_t node = 0; node < num_nodes; ++node) first[node + 1] += first[node];
  if (weighted) graph.log_weight = log_weight;
  return graph;
}

}  // namespace precinct::models
