// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "kernels/window_gather.h"
#include "kernels/window_gather_kernel.h"

namespace precinct::kernels {
namespace {

template <typename Count>
void gather(const at::Tensor& counts, const at::Tensor& table, const at::Tensor& origins,
            std::int64_t lookback, at::Tensor& out) {
  WindowGather<Count> work{};
  work.counts = counts.const_data_ptr<Count>();
  work.table = table.const_data_ptr<float>();
  work.origins = origins.const_data_ptr<std::int64_t>();
  work.out = out.mutable_data_ptr<float>();
  work.num_windows = origins.size(0);
  work.row = counts.size(1) * counts.size(2);
  work.lookback = lookback;
  work.num_categories = static_cast<int>(counts.size(2));
  C10_CUDA_CHECK(launch_window_gather(work, c10::cuda::getCurrentCUDAStream()));
}

/// Origins were checked by the caller on the host: reading them here would wait for the device.
at::Tensor window_gather_cuda(const at::Tensor& counts, const at::Tensor& table,
                              const at::Tensor& origins, std::int64_t lookback) {
  check_window_gather(counts, table, origins);
  const c10::cuda::CUDAGuard guard(counts.device());
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

TORCH_LIBRARY_IMPL(precinct, CUDA, m) { m.impl("window_gather", window_gather_cuda); }

}  // namespace precinct::kernels
