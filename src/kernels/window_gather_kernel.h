// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace precinct::kernels {

/// What the CUDA form of window_gather reads and writes; all pointers are of the device.
template <typename Count>
struct WindowGather {
  const Count* counts;          // [T_total, N, C]
  const float* table;           // [K, C]
  const std::int64_t* origins;  // [B]
  float* out;                   // [B, T, N, C]
  std::int64_t num_windows;     // B
  std::int64_t row;             // N C
  std::int64_t lookback;        // T
  int num_categories;           // C
};

/// Enqueues the kernel on `stream`; does not wait. Count: uint8_t, uint16_t or int32_t.
template <typename Count>
cudaError_t launch_window_gather(const WindowGather<Count>& work, cudaStream_t stream);

}  // namespace precinct::kernels
