// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

namespace precinct::models {

/// The edges that attention runs over, sorted by target, then source; one self loop a node is added
/// (loops of the input are dropped first), a repeated edge counts as often as it is there.
struct AttentionGraph {
  std::int64_t num_nodes = 0;
  torch::Tensor sources;     // [E] i64
  torch::Tensor targets;     // [E] i64, ascending
  torch::Tensor first_edge;  // [N + 1] i64: in-edges of i are first_edge[i] .. first_edge[i + 1]
  torch::Tensor log_weight;  // [E] f32, 0 on loops; undefined when all weights are 1

  /// edge_index: [2, E] i64 (source, target) or undefined; edge_weight: [E] > 0 or undefined.
  /// Throws DataError on an index outside [0, num_nodes) or a weight that is not positive.
  static AttentionGraph build(const torch::Tensor& edge_index, const torch::Tensor& edge_weight,
                              std::int64_t num_nodes);
};

}  // namespace precinct::models
