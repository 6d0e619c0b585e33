// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

#include "kernels/cpu_clones.h"
#include "kernels/gat_attention.h"
#include "kernels/vector_math.h"

namespace precinct::kernels {
namespace {

constexpr std::int64_t kGraphsPerPart =
    32;  // fixed, so that sums over graphs do not depend on threads

struct Shape {
  std::int64_t nodes, edges, heads, width;
  const std::int64_t* sources;
  const std::int64_t* first_edge;
  std::int64_t packed() const { return heads * (width + 2); }
};

// Softmax weights of one graph before division: weight[e, k] = exp(e_ij - max), scale[i, k] = 1 /
// sum. slope[e, k] is the derivative of the LeakyReLU (null: not wanted).
template <typename T>
[[gnu::always_inline]] inline void weights_of_graph(const Shape& s, const T* packed, const T* edge,
                                                    T* weight, T* scale, T* slope) {
  const std::int64_t heads = s.heads, row = s.packed(), offset = heads * s.width;
  const T leak = static_cast<T>(kAttentionSlope);
  for (std::int64_t i = 0; i < s.nodes; ++i) {
    const T* to = packed + i * row + offset + heads;
    T* largest = scale + i * heads;
    for (std::int64_t k = 0; k < heads; ++k) largest[k] = -std::numeric_limits<T>::infinity();
    for (std::int64_t e = s.first_edge[i]; e < s.first_edge[i + 1]; ++e) {
      const T* from = packed + s.sources[e] * row + offset;
      T* z = weight + e * heads;
      for (std::int64_t k = 0; k < heads; ++k) {
        T value = from[k] + to[k] + (edge ? edge[e * heads + k] : T(0));
        if (slope) slope[e * heads + k] = value > 0 ? T(1) : leak;
        value = value > 0 ? value : value * leak;
        z[k] = value;
        largest[k] = value > largest[k] ? value : largest[k];
      }
    }
    for (std::int64_t e = s.first_edge[i]; e < s.first_edge[i + 1]; ++e)
      for (std::int64_t k = 0; k < heads; ++k) weight[e * heads + k] -= largest[k];
  }
  const std::int64_t size = s.edges * heads;
  for (std::int64_t x = 0; x < size; ++x) weight[x] = fast_exp(weight[x]);
  for (std::int64_t i = 0; i < s.nodes; ++i) {
    T* sum = scale + i * heads;
    for (std::int64_t k = 0; k < heads; ++k) sum[k] = 0;
    for (std::int64_t e = s.first_edge[i]; e < s.first_edge[i + 1]; ++e)
      for (std::int64_t k = 0; k < heads; ++k) sum[k] += weight[e * heads + k];
    for (std::int64_t k = 0; k < heads; ++k) sum[k] = T(1) / sum[k];
  }
}

// W > 0: head width known when compiled.
template <typename T, int W>
[[gnu::always_inline]] inline void forward_graph(const Shape& s, const T* packed, const T* edge,
                                                 T* y, T* room) {
  const std::int64_t heads = s.heads, width = W > 0 ? W : s.width, row = s.packed();
  T* weight = room;
  T* scale = room + s.edges * heads;
  weights_of_graph<T>(s, packed, edge, weight, scale, nullptr);
  for (std::int64_t i = 0; i < s.nodes; ++i) {
    T* out = y + i * heads * width;
    for (std::int64_t k = 0; k < heads; ++k) {
      T sum[W > 0 ? W : 1];
      if constexpr (W > 0)
        for (std::int64_t w = 0; w < W; ++w) sum[w] = 0;
      else
        for (std::int64_t w = 0; w < width; ++w) out[k * width + w] = 0;
      for (std::int64_t e = s.first_edge[i]; e < s.first_edge[i + 1]; ++e) {
        const T alpha = weight[e * heads + k];
        const T* h = packed + s.sources[e] * row + k * width;
        if constexpr (W > 0)
          for (std::int64_t w = 0; w < W; ++w) sum[w] += alpha * h[w];
        else
          for (std::int64_t w = 0; w < width; ++w) out[k * width + w] += alpha * h[w];
      }
      const T factor = scale[i * heads + k];
      if constexpr (W > 0)
        for (std::int64_t w = 0; w < W; ++w) out[k * width + w] = sum[w] * factor;
      else
        for (std::int64_t w = 0; w < width; ++w) out[k * width + w] *= factor;
    }
  }
}

// d_packed of the graph must be zero on entry; d_edge is added to.
template <typename T, int W>
[[gnu::always_inline]] inline void backward_graph(const Shape& s, const T* grad, const T* packed,
                                                  const T* edge, T* d_packed, T* d_edge, T* room) {
  const std::int64_t heads = s.heads, width = W > 0 ? W : s.width, row = s.packed(),
                     offset = heads * width;
  T* weight = room;
  T* slope = weight + s.edges * heads;
  T* d_alpha = slope + s.edges * heads;
  T* scale = d_alpha + s.edges * heads;
  weights_of_graph<T>(s, packed, edge, weight, scale, slope);
  for (std::int64_t i = 0; i < s.nodes; ++i) {
    const T* g = grad + i * offset;
    T* d_to = d_packed + i * row + offset + heads;
    for (std::int64_t k = 0; k < heads; ++k) {
      const T factor = scale[i * heads + k];
      T mean = 0;
      for (std::int64_t e = s.first_edge[i]; e < s.first_edge[i + 1]; ++e) {
        const std::int64_t j = s.sources[e];
        const T* h = packed + j * row + k * width;
        T* d_h = d_packed + j * row + k * width;
        const T alpha = weight[e * heads + k] * factor;
        T dot = 0;
        if constexpr (W > 0) {
          T products[W];
          for (std::int64_t w = 0; w < W; ++w) products[w] = g[k * W + w] * h[w];
          for (std::int64_t half = W / 2; half > 0; half /= 2)
            for (std::int64_t w = 0; w < half; ++w) products[w] += products[w + half];
          dot = products[0];
        } else {
          for (std::int64_t w = 0; w < width; ++w) dot += g[k * width + w] * h[w];
        }
        for (std::int64_t w = 0; w < width; ++w) d_h[w] += alpha * g[k * width + w];
        weight[e * heads + k] = alpha;
        d_alpha[e * heads + k] = dot;
        mean += alpha * dot;
      }
      T sum = 0;
      for (std::int64_t e = s.first_edge[i]; e < s.first_edge[i + 1]; ++e) {
        const std::int64_t x = e * heads + k;
        const T d_z = weight[x] * (d_alpha[x] - mean) * slope[x];
        d_packed[s.sources[e] * row + offset + k] += d_z;
        if (d_edge) d_edge[x] += d_z;
        sum += d_z;
      }
      d_to[k] += sum;
    }
  }
}

PRECINCT_CPU_CLONES void forward_float(const Shape& s, const float* packed, const float* edge,
                                       float* y, float* room) {
  switch (s.width) {
    case 4:
      return forward_graph<float, 4>(s, packed, edge, y, room);
    case 8:
      return forward_graph<float, 8>(s, packed, edge, y, room);
    case 16:
      return forward_graph<float, 16>(s, packed, edge, y, room);
    default:
      return forward_graph<float, 0>(s, packed, edge, y, room);
  }
}
PRECINCT_CPU_CLONES void backward_float(const Shape& s, const float* grad, const float* packed,
                                        const float* edge, float* d_packed, float* d_edge,
                                        float* room) {
  switch (s.width) {
    case 4:
      return backward_graph<float, 4>(s, grad, packed, edge, d_packed, d_edge, room);
    case 8:
      return backward_graph<float, 8>(s, grad, packed, edge, d_packed, d_edge, room);
    case 16:
      return backward_graph<float, 16>(s, grad, packed, edge, d_packed, d_edge, room);
    default:
      return backward_graph<float, 0>(s, grad, packed, edge, d_packed, d_edge, room);
  }
}
void forward_any(const Shape& s, const float* packed, const float* edge, float* y, float* room) {
  forward_float(s, packed, edge, y, room);
}
void forward_any(const Shape& s, const double* packed, const double* edge, double* y,
                 double* room) {
  forward_graph<double, 0>(s, packed, edge, y, room);
}
void backward_any(const Shape& s, const float* grad, const float* packed, const float* edge,
                  float* d_packed, float* d_edge, float* room) {
  backward_float(s, grad, packed, edge, d_packed, d_edge, room);
}
void backward_any(const Shape& s, const double* grad, const double* packed, const double* edge,
                  double* d_packed, double* d_edge, double* room) {
  backward_graph<double, 0>(s, grad, packed, edge, d_packed, d_edge, room);
}

Shape shape_of(const at::Tensor& packed, const at::Tensor& sources, const at::Tensor& first_edge,
               std::int64_t num_heads) {
  TORCH_CHECK(sources.is_contiguous() && first_edge.is_contiguous() &&
                  sources.scalar_type() == at::kLong && first_edge.scalar_type() == at::kLong,
              "gat_attention: sources, first_edge: expected contiguous int64");
  return {packed.size(1),
          sources.size(0),
          num_heads,
          packed.size(2) / num_heads - 2,
          sources.const_data_ptr<std::int64_t>(),
          first_edge.const_data_ptr<std::int64_t>()};
}

at::Tensor forward_cpu(const at::Tensor& packed_in, const std::optional<at::Tensor>& edge_in,
                       const at::Tensor& sources, const at::Tensor&, const at::Tensor& first_edge,
                       std::int64_t num_heads) {
  const at::Tensor packed = packed_in.contiguous();
  const at::Tensor edge = edge_in ? edge_in->to(packed.scalar_type()).contiguous() : at::Tensor();
  const Shape shape = shape_of(packed, sources, first_edge, num_heads);
  const std::int64_t graphs = packed.size(0), wide = shape.heads * shape.width;
  at::Tensor y = at::empty({graphs, shape.nodes, wide}, packed.options());
  AT_DISPATCH_FLOATING_TYPES(packed.scalar_type(), "gat_attention", [&] {
    const scalar_t* from = packed.const_data_ptr<scalar_t>();
    const scalar_t* by_edge = edge.defined() ? edge.const_data_ptr<scalar_t>() : nullptr;
    scalar_t* to = y.data_ptr<scalar_t>();
    at::parallel_for(0, graphs, 8, [&](std::int64_t first, std::int64_t last) {
      std::vector<scalar_t> room(
          static_cast<std::size_t>((shape.edges + shape.nodes) * shape.heads));
      for (std::int64_t g = first; g < last; ++g)
        forward_any(shape, from + g * shape.nodes * shape.packed(), by_edge,
                    to + g * shape.nodes * wide, room.data());
    });
  });
  return y;
}

std::tuple<at::Tensor, at::Tensor> backward_cpu(const at::Tensor& grad_in,
                                                const at::Tensor& packed_in,
                                                const std::optional<at::Tensor>& edge_in,
                                                const at::Tensor& sources, const at::Tensor&,
                                                const at::Tensor& first_edge,
                                                std::int64_t num_heads) {
  const at::Tensor packed = packed_in.contiguous(), grad = grad_in.contiguous();
  const at::Tensor edge = edge_in ? edge_in->to(packed.scalar_type()).contiguous() : at::Tensor();
  const Shape shape = shape_of(packed, sources, first_edge, num_heads);
  const std::int64_t graphs = packed.size(0), wide = shape.heads * shape.width;
  const std::int64_t num_parts = (graphs + kGraphsPerPart - 1) / kGraphsPerPart;
  at::Tensor d_packed = at::empty_like(packed), d_edge;
  if (edge.defined()) d_edge = at::zeros({num_parts, shape.edges, shape.heads}, packed.options());
  AT_DISPATCH_FLOATING_TYPES(packed.scalar_type(), "gat_attention_backward", [&] {
    const scalar_t* upstream = grad.const_data_ptr<scalar_t>();
    const scalar_t* from = packed.const_data_ptr<scalar_t>();
    const scalar_t* by_edge = edge.defined() ? edge.const_data_ptr<scalar_t>() : nullptr;
    scalar_t* to = d_packed.data_ptr<scalar_t>();
    scalar_t* to_edge = edge.defined() ? d_edge.data_ptr<scalar_t>() : nullptr;
    const std::int64_t size = shape.nodes * shape.packed();
    at::parallel_for(0, num_parts, 1, [&](std::int64_t first, std::int64_t last) {
      std::vector<scalar_t> room(
          static_cast<std::size_t>((3 * shape.edges + shape.nodes) * shape.heads));
      for (std::int64_t g = first * kGraphsPerPart; g < std::min(graphs, last * kGraphsPerPart);
           ++g) {
        std::fill_n(to + g * size, size, scalar_t(0));
        backward_any(shape, upstream + g * shape.nodes * wide, from + g * size, by_edge,
                     to + g * size,
                     to_edge ? to_edge + g / kGraphsPerPart * shape.edges * shape.heads : nullptr,
                     room.data());
      }
    });
  });
  return {d_packed, d_edge.defined() ? d_edge.sum(0) : d_edge};
}

}  // namespace

TORCH_LIBRARY_IMPL(precinct, CPU, m) {
  m.impl("gat_attention", forward_cpu);
  m.impl("gat_attention_backward", backward_cpu);
}

}  // namespace precinct::kernels
