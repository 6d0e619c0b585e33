// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/panel.h"

namespace precinct::data {

/// A district graph in compressed rows: neighbours of node i are target[row[i] .. row[i+1]),
/// rising.
struct SpatialGraph {
  std::int64_t num_nodes = 0;
  std::vector<std::int64_t> row;        // [N+1]
  std::vector<std::int32_t> neighbour;  // [E]
  std::vector<float> weight;            // [E]

  /// Checks the invariants of an edge list: nodes in range, sorted, no self loops, no doubles,
  /// stored both ways with equal weights, weights finite and > 0. Throws DataError naming the edge.
  static SpatialGraph from_edges(const EdgeList& edges, std::int64_t num_nodes);
  std::int64_t degree(std::int64_t node) const {
    return row[static_cast<std::size_t>(node) + 1] - row[static_cast<std::size_t>(node)];
  }
  std::vector<std::int64_t> isolated_nodes() const;
};

/// Makes an edge list both ways, sorted and without doubles from undirected pairs (source, target,
/// weight).
EdgeList make_symmetric(const std::string& kind, const std::vector<std::int32_t>& source,
                        const std::vector<std::int32_t>& target, const std::vector<float>& weight);

}  // namespace precinct::data
