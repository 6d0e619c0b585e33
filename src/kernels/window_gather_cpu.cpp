// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <optional>
#include <type_traits>

#include "kernels/cpu_clones.h"
#include "kernels/window_gather.h"
#include "kernels/window_gather_small.h"

namespace precinct::kernels {
namespace {

/// One category: the lookup needs no index arithmetic.
template <typename T>
PRECINCT_CPU_CLONES void gather_row_1(const T* in, const float* table, std::int64_t cells,
                                      float* out) {
  for (std::int64_t i = 0; i < cells; ++i) out[i] = table[in[i]];
}

template <typename T, int C>
PRECINCT_CPU_CLONES void gather_row_fixed(const T* in, const float* table, std::int64_t nodes,
                                          float* out) {
  for (std::int64_t n = 0; n < nodes; ++n) {
    for (int c = 0; c < C; ++c)
      out[n * C + c] = table[static_cast<std::int64_t>(in[n * C + c]) * C + c];
  }
}

template <typename T>
void gather_row(const T* in, const float* table, std::int64_t nodes, std::int64_t categories,
                float* out) {
  switch (categories) {
    case 1:
      return gather_row_1(in, table, nodes, out);
    case 2:
      return gather_row_fixed<T, 2>(in, table, nodes, out);
    case 3:
      return gather_row_fixed<T, 3>(in, table, nodes, out);
    case 4:
      return gather_row_fixed<T, 4>(in, table, nodes, out);
    default:
      for (std::int64_t n = 0; n < nodes; ++n, in += categories, out += categories) {
        for (std::int64_t c = 0; c < categories; ++c)
          out[c] = table[static_cast<std::int64_t>(in[c]) * categories + c];
      }
  }
}

template <typename T>
void gather(const at::Tensor& counts, const at::Tensor& table, const at::Tensor& origins,
            std::int64_t lookback, at::Tensor& out) {
  const std::int64_t nodes = counts.size(1), categories = counts.size(2), row = nodes * categories;
  const T* in = counts.const_data_ptr<T>();
  const float* values = table.const_data_ptr<float>();
  const std::int64_t* first = origins.const_data_ptr<std::int64_t>();
  float* target = out.mutable_data_ptr<float>();
  std::optional<SmallCountLookup> small;
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    if (SmallCountLookup::is_possible(categories) &&
        SmallCountLookup::is_worth_it(in, counts.numel()))
      small.emplace(values, table.size(0), categories);
  }
  // A window's bins lie side by side in the series: each is one long row.
  at::parallel_for(0, origins.size(0), 1 + (std::int64_t{1} << 16) / (1 + row * lookback),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t b = begin; b < end; ++b) {
                       const T* window = in + (first[b] - lookback) * row;
                       float* to = target + b * lookback * row;
                       if constexpr (std::is_same_v<T, std::uint8_t>) {
                         if (small) {
                           small->run(window, row * lookback, to);
                           continue;
                         }
                       }
                       gather_row(window, values, nodes * lookback, categories, to);
                     }
                   });
}

at::Tensor window_gather_cpu(const at::Tensor& counts, const at::Tensor& table,
                             const at::Tensor& origins, std::int64_t lookback) {
  check_window_gather(counts, table, origins);
  check_window_origins(counts, origins, lookback);
  at::Tensor out =
      at::empty({origins.size(0), lookback, counts.size(1), counts.size(2)}, table.options());
  switch (counts.scalar_type()) {
    case at::kByte:
      gather<std::uint8_t>(counts, table, origins, lookback, out);
      break;
    case at::kUInt16:
      gather<std::uint16_t>(counts, table, origins, lookback, out);
      break;
    default:
      gather<std::int32_t>(counts, table, origins, lookback, out);
  }
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(precinct, CPU, m) { m.impl("window_gather", window_gather_cpu); }

}  // namespace precinct::kernels
