// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <cmath>

#include "kernels/cpu_clones.h"
#include "kernels/keyed_dropout.h"

namespace precinct::kernels {
namespace {

inline std::uint32_t step(std::uint32_t hash, std::uint32_t word) {
  std::uint32_t h = hash ^ (word * 0x9E3779B9U + 0x7F4A7C15U);
  h ^= h >> 16;
  h *= 0x85EBCA6BU;
  h ^= h >> 13;
  h *= 0xC2B2AE35U;
  return h ^ (h >> 16);
}

PRECINCT_CPU_CLONES void drop_row(const float* x, float* y, std::int64_t size, std::uint32_t row,
                                  std::uint32_t first_unit, std::uint32_t threshold, float factor) {
  for (std::int64_t d = 0; d < size; ++d) {
    const std::uint32_t h = step(row, first_unit + static_cast<std::uint32_t>(d));
    y[d] = h >= threshold ? x[d] * factor : 0.0F;
  }
}

struct RowKey {
  std::uint32_t row;
  std::uint32_t first_unit;
  std::uint32_t threshold;
  double factor;
};

template <typename T>
void drop_units(const T* x, std::int64_t x_stride, T* y, std::int64_t y_stride, std::int64_t size,
                const RowKey& key) {
  if constexpr (std::is_same_v<T, float>) {
    if (x_stride == 1 && y_stride == 1) {
      drop_row(x, y, size, key.row, key.first_unit, key.threshold, static_cast<float>(key.factor));
      return;
    }
  }
  for (std::int64_t d = 0; d < size; ++d) {
    const std::uint32_t h = step(key.row, key.first_unit + static_cast<std::uint32_t>(d));
    y[d * y_stride] = h >= key.threshold ? x[d * x_stride] * static_cast<T>(key.factor) : T(0);
  }
}

at::Tensor keyed_dropout_cpu(const at::Tensor& x, const at::Tensor& position, std::int64_t key,
                             double p, at::IntArrayRef offset) {
  TORCH_CHECK(x.dim() == 4, "keyed_dropout: x: expected [B, T, N, D], found ", x.sizes());
  TORCH_CHECK(
      position.dim() == 1 && position.size(0) == x.size(0) && position.scalar_type() == at::kLong,
      "keyed_dropout: position: expected [", x.size(0), "] int64, found ", position.sizes(), " ",
      position.scalar_type());
  TORCH_CHECK(p >= 0 && p < 1, "keyed_dropout: p: expected 0 <= p < 1, found ", p);
  at::Tensor y = at::empty_like(x);
  const at::Tensor places = position.contiguous();
  const std::int64_t* place = places.const_data_ptr<std::int64_t>();
  const std::int64_t num_bins = x.size(1), num_nodes = x.size(2), width = x.size(3);
  const auto threshold =
      static_cast<std::uint32_t>(std::min(std::ceil(p * 4294967296.0), 4294967295.0));
  const double factor = 1 / (1 - p);
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto bits = static_cast<std::uint64_t>(key);
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "keyed_dropout", [&] {
    const scalar_t* source = x.const_data_ptr<scalar_t>();
    scalar_t* target = y.data_ptr<scalar_t>();
    at::parallel_for(0, x.size(0) * num_bins, 8, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        const std::int64_t b = i / num_bins, t = i % num_bins;
        const auto where = static_cast<std::uint64_t>(place[b]);
        std::uint32_t h = step(low(bits), low(where));
        h = step(h ^ low(bits >> 32), low(where >> 32));
        h = step(h, low(static_cast<std::uint64_t>(offset[0] + t)));
        const scalar_t* from = source + b * x.stride(0) + t * x.stride(1);
        scalar_t* to = target + b * y.stride(0) + t * y.stride(1);
        for (std::int64_t n = 0; n < num_nodes; ++n, from += x.stride(2), to += y.stride(2)) {
          const RowKey row{step(h, low(static_cast<std::uint64_t>(offset[1] + n))),
                           low(static_cast<std::uint64_t>(offset[2])), threshold, factor};
          drop_units(from, x.stride(3), to, y.stride(3), width, row);
        }
      }
    });
  });
  return y;
}

}  // namespace

TORCH_LIBRARY_IMPL(precinct, CPU, m) { m.impl("keyed_dropout", keyed_dropout_cpu); }

}  // namespace precinct::kernels
