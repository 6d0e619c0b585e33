// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/window_gather.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <utility>

namespace precinct::kernels {

at::Tensor window_gather(const at::Tensor& counts, const at::Tensor& table,
                         const at::Tensor& origins, std::int64_t lookback) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("precinct::window_gather", "")
                       .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                         std::int64_t)>();
  return op.call(counts, table, origins, lookback);
}

void check_window_gather(const at::Tensor& counts, const at::Tensor& table,
                         const at::Tensor& origins) {
  const auto type = counts.scalar_type();
  TORCH_CHECK(type == at::kByte || type == at::kUInt16 || type == at::kInt,
              "window_gather: counts: expected u8, u16 or i32, found ", type);
  TORCH_CHECK(counts.dim() == 3 && counts.is_contiguous(),
              "window_gather: counts: expected contiguous [T_total, N, C], found ", counts.sizes());
  TORCH_CHECK(table.dim() == 2 && table.size(1) == counts.size(2) && table.is_contiguous() &&
                  table.scalar_type() == at::kFloat,
              "window_gather: table: expected contiguous f32 [K, ", counts.size(2), "], found ",
              table.sizes());
  TORCH_CHECK(origins.dim() == 1 && origins.scalar_type() == at::kLong && origins.is_contiguous(),
              "window_gather: origins: expected i64 [B]");
  TORCH_CHECK(table.device() == counts.device() && origins.device() == counts.device(),
              "window_gather: expected table and origins on the device of counts, ",
              counts.device(), ", found ", table.device(), " and ", origins.device());
}

void check_window_origins(const at::Tensor& counts, const at::Tensor& origins,
                          std::int64_t lookback) {
  const std::int64_t* first = origins.const_data_ptr<std::int64_t>();
  for (std::int64_t b = 0; b < origins.size(0); ++b)
    TORCH_CHECK(first[b] >= lookback && first[b] <= counts.size(0), "window_gather: origins[", b,
                "]: expected ", lookback, "..", counts.size(0), ", found ", first[b]);
}

WindowSource::WindowSource(at::Tensor counts, at::Tensor table)
    : counts_(std::move(counts)), table_(std::move(table)) {
  const std::int64_t bins = counts_.size(0);
  if (!counts_.is_cpu() || counts_.scalar_type() == at::kByte || bins == 0) return;
  transformed_ = window_gather(counts_, table_, at::full({1}, bins, at::kLong), bins).squeeze(0);
}

at::Tensor WindowSource::windows(const at::Tensor& origins, std::int64_t lookback) const {
  if (!transformed_.defined()) return window_gather(counts_, table_, origins, lookback);
  check_window_gather(counts_, table_, origins);
  const std::int64_t row = counts_.size(1) * counts_.size(2), window = lookback * row;
  check_window_origins(counts_, origins, lookback);
  const std::int64_t* first = origins.const_data_ptr<std::int64_t>();
  at::Tensor out =
      at::empty({origins.size(0), lookback, counts_.size(1), counts_.size(2)}, table_.options());
  const float* in = transformed_.const_data_ptr<float>();
  float* target = out.mutable_data_ptr<float>();
  at::parallel_for(0, origins.size(0), 1 + (std::int64_t{1} << 16) / (1 + window),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t b = begin; b < end; ++b)
                       std::copy_n(in + (first[b] - lookback) * row, window, target + b * window);
                   });
  return out;
}

std::int64_t WindowSource::extra_bytes() const {
  return transformed_.defined() ? static_cast<std::int64_t>(transformed_.nbytes()) : 0;
}

at::Tensor window_gather_reference(const at::Tensor& counts, const at::Tensor& table,
                                   const at::Tensor& origins, std::int64_t lookback) {
  const at::Tensor bins = origins.unsqueeze(1) - lookback +
                          at::arange(lookback, origins.options()).unsqueeze(0);    // [B, T]
  const at::Tensor window = counts.to(at::kLong).index_select(0, bins.flatten());  // [B T, N, C]
  const at::Tensor category = at::arange(counts.size(2), origins.options());
  return table.index({window, category})
      .view({origins.size(0), lookback, counts.size(1), counts.size(2)});
}

namespace {

// Shapes without data: what a dry run of a training step on LibTorch's meta device asks for.
at::Tensor window_gather_meta(const at::Tensor& counts, const at::Tensor& table,
                              const at::Tensor& origins, std::int64_t lookback) {
  check_window_gather(counts, table, origins);
  return at::empty({origins.size(0), lookback, counts.size(1), counts.size(2)}, table.options());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(precinct, m) {
  m.def("window_gather(Tensor counts, Tensor table, Tensor origins, int lookback) -> Tensor");
}
TORCH_LIBRARY_IMPL(precinct, Meta, m) { m.impl("window_gather", window_gather_meta); }

}  // namespace precinct::kernels
