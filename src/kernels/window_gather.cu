// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/window_gather_kernel.h"

namespace precinct::kernels {
namespace {

constexpr unsigned kThreads = 256;
constexpr std::int64_t kMaxBlocks = 65535;  // of a grid's second dimension

// A window's bins lie side by side in the series, so a window is one long row: blockIdx.y picks
// windows, the threads of x walk along the row, neighbours side by side. Values are looked up and
// copied, never computed: the bits are those of the CPU form.
template <typename Count>
__global__ void __launch_bounds__(kThreads) gather_windows(WindowGather<Count> w) {
  const std::int64_t size = w.lookback * w.row;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  const auto categories = static_cast<unsigned>(w.num_categories);
  for (std::int64_t b = blockIdx.y; b < w.num_windows; b += gridDim.y) {
    const Count* in = w.counts + (w.origins[b] - w.lookback) * w.row;
    float* out = w.out + b * size;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < size;
         i += stride) {
      const auto category = static_cast<unsigned>(i % categories);
      out[i] =
          __ldg(w.table + static_cast<std::int64_t>(__ldg(in + i)) * w.num_categories + category);
    }
  }
}

}  // namespace

template <typename Count>
cudaError_t launch_window_gather(const WindowGather<Count>& work, cudaStream_t stream) {
  const std::int64_t size = work.lookback * work.row;
  if (work.num_windows == 0 || size == 0) return cudaSuccess;
  const std::int64_t along = (size + kThreads - 1) / kThreads;
  const dim3 grid(static_cast<unsigned>(std::min(along, kMaxBlocks)),
                  static_cast<unsigned>(std::min(work.num_windows, kMaxBlocks)));
  gather_windows<Count><<<grid, kThreads, 0, stream>>>(work);
  return cudaGetLastError();
}

template cudaError_t launch_window_gather(const WindowGather<std::uint8_t>&, cudaStream_t);
template cudaError_t launch_window_gather(const WindowGather<std::uint16_t>&, cudaStream_t);
template cudaError_t launch_window_gather(const WindowGather<std::int32_t>&, cudaStream_t);

}  // namespace precinct::kernels
