// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/window_gather.h"

#include <ATen/ATen.h>
#include <torch/library.h>

namespace precinct::kernels {

at::Tensor window_gather(const at::Tensor& counts, const at::Tensor& table,
                         const at::Tensor& origins, std::int64_t lookback) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("precinct::window_gather", "")
                       .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                         std::int64_t)>();
  return op.call(counts, table, origins, lookback);
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

TORCH_LIBRARY_FRAGMENT(precinct, m) {
  m.def("window_gather(Tensor counts, Tensor table, Tensor origins, int lookback) -> Tensor");
}

}  // namespace precinct::kernels
