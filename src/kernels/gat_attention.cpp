// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/gat_attention.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace precinct::kernels {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

void check_arguments(const at::Tensor& packed, const OptionalTensor& edge,
                     const AttentionEdges& edges, std::int64_t num_heads) {
  TORCH_CHECK(packed.dim() == 3 && num_heads > 0 && packed.size(2) % num_heads == 0 &&
                  packed.size(2) > 2 * num_heads,
              "gat_attention: packed: expected [G, N, K W + 2 K] with K = ", num_heads, ", found ",
              packed.sizes());
  TORCH_CHECK(edges.first_edge.numel() == packed.size(1) + 1,
              "gat_attention: first_edge: expected ", packed.size(1) + 1, " entries, found ",
              edges.first_edge.numel());
  TORCH_CHECK(!edge || (edge->dim() == 2 && edge->size(0) == edges.sources.size(0) &&
                        edge->size(1) == num_heads),
              "gat_attention: edge: expected [E, K], found ",
              edge ? edge->sizes() : at::IntArrayRef{});
}

at::Tensor gat_attention_composite(const at::Tensor& packed, const OptionalTensor& edge,
                                   const at::Tensor& sources, const at::Tensor& targets,
                                   const at::Tensor& first_edge, std::int64_t num_heads) {
  return gat_attention_reference(packed, edge, {sources, targets, first_edge}, num_heads);
}

// The backward pass of the ATen form, written out: gradients of (packed, edge).
std::tuple<at::Tensor, at::Tensor> composite_backward(
    const at::Tensor& grad, const at::Tensor& packed, const OptionalTensor& edge,
    const at::Tensor& sources, const at::Tensor& targets, const at::Tensor& first_edge,
    std::int64_t num_heads) {
  const AttentionEdges edges{sources, targets, first_edge};
  const std::int64_t graphs = packed.size(0), nodes = packed.size(1),
                     width = packed.size(2) / num_heads - 2;
  const at::Tensor h =
      packed.slice(2, 0, num_heads * width).reshape({graphs, nodes, num_heads, width});
  const at::Tensor from = packed.slice(2, num_heads * width, num_heads * (width + 1));
  const at::Tensor to = packed.slice(2, num_heads * (width + 1));
  at::Tensor z = from.index_select(1, sources) + to.index_select(1, targets);
  if (edge) z = z + *edge;
  const at::Tensor alpha =
      softmax_by_target(at::leaky_relu(z, kAttentionSlope), edges);  // [G, E, K]
  const at::Tensor g_i = grad.reshape({graphs, nodes, num_heads, width}).index_select(1, targets);
  const at::Tensor d_alpha = (g_i * h.index_select(1, sources)).sum(-1);
  const at::Tensor mean = at::zeros_like(from).index_add(1, targets, alpha * d_alpha);
  const at::Tensor d_z = at::leaky_relu_backward(alpha * (d_alpha - mean.index_select(1, targets)),
                                                 z, kAttentionSlope, /*self_is_result=*/false);
  const at::Tensor d_h = at::zeros_like(h).index_add(1, sources, g_i * alpha.unsqueeze(-1));
  const at::Tensor d_packed =
      at::cat({d_h.flatten(2), at::zeros_like(from).index_add(1, sources, d_z),
               at::zeros_like(to).index_add(1, targets, d_z)},
              -1);
  return {d_packed, edge ? d_z.sum(0) : at::Tensor()};
}

at::Tensor call(const at::Tensor& packed, const OptionalTensor& edge, const AttentionEdges& edges,
                std::int64_t num_heads) {
  static auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("precinct::gat_attention", "")
          .typed<at::Tensor(const at::Tensor&, const OptionalTensor&, const at::Tensor&,
                            const at::Tensor&, const at::Tensor&, std::int64_t)>();
  return op.call(packed, edge, edges.sources, edges.targets, edges.first_edge, num_heads);
}

class GatAttention : public torch::autograd::Function<GatAttention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& packed,
                            const OptionalTensor& edge, const at::Tensor& sources,
                            const at::Tensor& targets, const at::Tensor& first_edge,
                            std::int64_t num_heads) {
    context->save_for_backward({packed, edge ? *edge : at::Tensor(), sources, targets, first_edge});
    context->saved_data["num_heads"] = num_heads;
    at::AutoDispatchBelowADInplaceOrView below;
    return call(packed, edge, {sources, targets, first_edge}, num_heads);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grad_outputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "precinct::gat_attention: double backward is not available");
    static auto op =
        c10::Dispatcher::singleton()
            .findSchemaOrThrow("precinct::gat_attention_backward", "")
            .typed<std::tuple<at::Tensor, at::Tensor>(
                const at::Tensor&, const at::Tensor&, const OptionalTensor&, const at::Tensor&,
                const at::Tensor&, const at::Tensor&, std::int64_t)>();
    const auto saved = context->get_saved_variables();
    OptionalTensor edge;
    if (saved[1].defined()) edge = saved[1];
    auto [d_packed, d_edge] = op.call(grad_outputs[0], saved[0], edge, saved[2], saved[3], saved[4],
                                      context->saved_data["num_heads"].toInt());
    return {d_packed, d_edge, {}, {}, {}, {}};
  }
};

at::Tensor gat_attention_autograd(const at::Tensor& packed, const OptionalTensor& edge,
                                  const at::Tensor& sources, const at::Tensor& targets,
                                  const at::Tensor& first_edge, std::int64_t num_heads) {
  return GatAttention::apply(packed, edge, sources, targets, first_edge, num_heads);
}

at::Tensor gat_attention_autocast(const at::Tensor& packed, const OptionalTensor& edge,
                                  const at::Tensor& sources, const at::Tensor& targets,
                                  const at::Tensor& first_edge, std::int64_t num_heads) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(
      c10::DispatchKeySet({c10::DispatchKey::AutocastCPU, c10::DispatchKey::AutocastCUDA}));
  const auto widen = [](const at::Tensor& x) {
    return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  };
  OptionalTensor score;
  if (edge) score = widen(*edge);
  return call(widen(packed), score, {sources, targets, first_edge}, num_heads);
}

}  // namespace

at::Tensor gat_attention(const at::Tensor& packed, const OptionalTensor& edge,
                         const AttentionEdges& edges, std::int64_t num_heads) {
  check_arguments(packed, edge, edges, num_heads);
  return call(packed, edge, edges, num_heads);
}

at::Tensor softmax_by_target(const at::Tensor& logits, const AttentionEdges& edges) {
  const std::int64_t nodes = edges.first_edge.numel() - 1;
  at::Tensor largest;
  {
    const at::NoGradGuard no_grad;  // cancels in the quotient
    const at::Tensor index = edges.targets.view({1, -1, 1}).expand(logits.sizes());
    largest = at::zeros({logits.size(0), nodes, logits.size(2)}, logits.options())
                  .scatter_reduce(1, index, logits.detach(), "amax", /*include_self=*/false);
  }
  const at::Tensor weights = (logits - largest.index_select(1, edges.targets)).exp();
  const at::Tensor sums = at::zeros_like(largest).index_add(1, edges.targets, weights);
  return weights / sums.index_select(1, edges.targets);
}

at::Tensor gat_attention_reference(const at::Tensor& packed, const OptionalTensor& edge,
                                   const AttentionEdges& edges, std::int64_t num_heads) {
  const std::int64_t graphs = packed.size(0), nodes = packed.size(1),
                     width = packed.size(2) / num_heads - 2;
  const at::Tensor h =
      packed.slice(2, 0, num_heads * width).reshape({graphs, nodes, num_heads, width});
  const at::Tensor from = packed.slice(2, num_heads * width, num_heads * (width + 1));
  const at::Tensor to = packed.slice(2, num_heads * (width + 1));
  at::Tensor z = from.index_select(1, edges.sources) + to.index_select(1, edges.targets);
  if (edge) z = z + *edge;
  const at::Tensor alpha = softmax_by_target(at::leaky_relu(z, kAttentionSlope), edges);
  return at::zeros_like(h)
      .index_add(1, edges.targets, h.index_select(1, edges.sources) * alpha.unsqueeze(-1))
      .flatten(2);
}

TORCH_LIBRARY_FRAGMENT(precinct, m) {
  m.def(
      "gat_attention(Tensor packed, Tensor? edge, Tensor sources, Tensor targets, Tensor "
      "first_edge, "
      "int num_heads) -> Tensor");
  m.def(
      "gat_attention_backward(Tensor grad, Tensor packed, Tensor? edge, Tensor sources, Tensor "
      "targets, "
      "Tensor first_edge, int num_heads) -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(precinct, CompositeExplicitAutograd, m) {
  m.impl("gat_attention", gat_attention_composite);
  m.impl("gat_attention_backward", composite_backward);
}
TORCH_LIBRARY_IMPL(precinct, Autograd, m) { m.impl("gat_attention", gat_attention_autograd); }
TORCH_LIBRARY_IMPL(precinct, AutocastCPU, m) { m.impl("gat_attention", gat_attention_autocast); }
TORCH_LIBRARY_IMPL(precinct, AutocastCUDA, m) { m.impl("gat_attention", gat_attention_autocast); }

}  // namespace precinct::kernels
