// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "kernels/gat_attention.h"
#include "models/initialize.h"
#include "models/layers/attention_graph.h"
#include "models/unit_split.h"

namespace precinct::models {

struct GraphAttentionOptions {
  std::int64_t in = 0;
  std::int64_t num_heads = 4;   // K
  std::int64_t head_width = 8;  // D / K
  bool is_v2 = false;
};

/// Graph attention over a shared district graph, heads concatenated.
///
///   v1 (Velickovic et al. 2018, eq. 1-4):  e_ij = LeakyReLU_0.2(a_src . W x_j + a_dst . W x_i [+ w
///   log weight_ij]) v2 (Brody et al. 2022, eq. 7):         e_ij = a . LeakyReLU_0.2(W_src x_j +
///   W_dst x_i) [+ w log weight_ij] alpha_i. = softmax over in-edges of i, its loop among them; y_i
///   = sum_j alpha_ij W x_j   (v2: W_src)
///
/// x: [G, N, F], one graph for all G. Returns [G, N, K * head_width]. The weight term exists when
/// an edge weight differs from 1. Throws ShapeError when N differs from the graph's.
class GraphAttentionImpl : public torch::nn::Module, public StatesInitial {
 public:
  GraphAttentionImpl(const GraphAttentionOptions& options, const AttentionGraph& graph);
  /// With the heads in parts: those of this part, [G, N, K / parts * head_width].
  torch::Tensor forward(const torch::Tensor& x, const UnitSplit& split = {});
  /// Every parameter by its heads, named without the module's prefix.
  SplitPlan split_plan() const;
  InitialDistribution initial(const std::string& parameter) const override;

 private:
  torch::Tensor forward_v1(const torch::Tensor& x, const torch::Tensor& edge,
                           const kernels::AttentionEdges& edges);
  torch::Tensor forward_v2(const torch::Tensor& x, const torch::Tensor& edge,
                           const kernels::AttentionEdges& edges);

  GraphAttentionOptions options_;
  std::int64_t num_nodes_;
  torch::nn::Linear source_{nullptr}, target_{nullptr};
  torch::Tensor att_src_, att_dst_;  // v1: [K, head_width]
  torch::Tensor att_;                // v2: [K, head_width]
  torch::Tensor edge_;               // [K], with edge weights
  torch::Tensor sources_, targets_, first_edge_, log_weight_;
};
TORCH_MODULE(GraphAttention);

}  // namespace precinct::models
