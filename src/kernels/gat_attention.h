// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace precinct::kernels {

/// Edges sorted by target; in-edges of node i are first_edge[i] .. first_edge[i + 1], at least one
/// each.
struct AttentionEdges {
  at::Tensor sources;     // [E] i64
  at::Tensor targets;     // [E] i64, ascending
  at::Tensor first_edge;  // [N + 1] i64
};

/// Softmax over in-edges and weighted sum of graph attention (GATv1, Velickovic et al. 2018, eq.
/// 3-4):
///
///   e_ij = LeakyReLU_0.2(from_j + to_i [+ edge_ij]),  alpha_i. = softmax over in-edges of i,  y_i
///   = sum_j alpha_ij h_j
///
/// packed: [G, N, K W + 2 K] float32|float64, per node K heads of width W of h, then K of `from`,
/// then K of `to`, as one matrix product yields them. edge: [E, K] or absent. Returns [G, N, K W].
/// Any device; the CPU form keeps one graph in cache, stores nothing per edge and computes the
/// shares again in the backward pass. Differentiable once in packed and edge. Cost: O(G E K W).
/// Throws c10::Error on wrong shapes. Autocast: runs in float32.
at::Tensor gat_attention(const at::Tensor& packed, const std::optional<at::Tensor>& edge,
                         const AttentionEdges& edges, std::int64_t num_heads);

/// The same from ATen operators, differentiable by autograd: the test reference.
at::Tensor gat_attention_reference(const at::Tensor& packed, const std::optional<at::Tensor>& edge,
                                   const AttentionEdges& edges, std::int64_t num_heads);

/// Shares that sum to 1 over the in-edges of each node. logits: [G, E, K].
at::Tensor softmax_by_target(const at::Tensor& logits, const AttentionEdges& edges);

inline constexpr double kAttentionSlope = 0.2;

}  // namespace precinct::kernels
