// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/graph/spatial_graph.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"

namespace precinct::data {

SpatialGraph SpatialGraph::from_edges(const EdgeList& edges, std::int64_t num_nodes) {
  SpatialGraph graph;
  graph.num_nodes = num_nodes;
  graph.row.assign(static_cast<std::size_t>(num_nodes) + 1, 0);
  graph.neighbour = edges.target;
  graph.weight = edges.weight;
  PRECINCT_CHECK(
      edges.source.size() == edges.target.size() && edges.source.size() == edges.weight.size(),
      DataError,
      "graph: expected as many sources as targets and weights, found {}, {}, {}; make the panel "
      "again",
      edges.source.size(), edges.target.size(), edges.weight.size());
  std::map<std::pair<std::int32_t, std::int32_t>, float> seen;
  for (std::size_t e = 0; e < edges.source.size(); ++e) {
    const std::int32_t i = edges.source[e], j = edges.target[e];
    PRECINCT_CHECK(i >= 0 && j >= 0 && i < num_nodes && j < num_nodes, DataError,
                   "graph: edge {}: expected nodes below {}, found {} -> {}; make the panel again",
                   e, num_nodes, i, j);
    PRECINCT_CHECK(
        i != j, DataError,
        "graph: edge {}: expected no self loop, found {} -> {}; layers add them themselves", e, i,
        j);
    PRECINCT_CHECK(std::isfinite(edges.weight[e]) && edges.weight[e] > 0, DataError,
                   "graph: edge {} -> {}: expected a weight > 0, found {}; leave the edge out", i,
                   j, edges.weight[e]);
    PRECINCT_CHECK(e == 0 || std::pair(edges.source[e - 1], edges.target[e - 1]) < std::pair(i, j),
                   DataError,
                   "graph: edge {} -> {}: expected edges sorted and without doubles, found one "
                   "behind a larger one; sort them by source, then target",
                   i, j);
    seen[{i, j}] = edges.weight[e];
    ++graph.row[static_cast<std::size_t>(i) + 1];
  }
  for (const auto& [pair, weight] : seen) {
    const auto back = seen.find({pair.second, pair.first});
    PRECINCT_CHECK(back != seen.end() && back->second == weight, DataError,
                   "graph: edge {} -> {}: expected the same edge back, found none of this weight; "
                   "list both directions",
                   pair.first, pair.second);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(num_nodes); ++i)
    graph.row[i + 1] += graph.row[i];
  return graph;
}

std::vector<std::int64_t> SpatialGraph::isolated_nodes() const {
  std::vector<std::int64_t> isolated;
  for (std::int64_t i = 0; i < num_nodes; ++i) {
    if (degree(i) == 0) isolated.push_back(i);
  }
  return isolated;
}

EdgeList make_symmetric(const std::string& kind, const std::vector<std::int32_t>& source,
                        const std::vector<std::int32_t>& target, const std::vector<float>& weight) {
  std::map<std::pair<std::int32_t, std::int32_t>, float> all;
  for (std::size_t e = 0; e < source.size(); ++e) {
    if (source[e] == target[e]) continue;
    const float larger =
        std::max(weight[e], std::max(all[{source[e], target[e]}], all[{target[e], source[e]}]));
    all[{source[e], target[e]}] = larger;
    all[{target[e], source[e]}] = larger;
  }
  EdgeList edges;
  edges.kind = kind;
  for (const auto& [pair, value] : all) {
    edges.source.push_back(pair.first);
    edges.target.push_back(pair.second);
    edges.weight.push_back(value);
  }
  return edges;
}

}  // namespace precinct::data
