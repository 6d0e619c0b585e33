// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace precinct::kernels {

/// Windows of a series of counts, transformed while they are copied: out[b, i, n, c] =
/// table[counts[e_b - T + i, n, c], c].
///
/// counts [T_total, N, C] u8 | u16 | i32; table [K, C] f32, the transform of each count (K above
/// the largest one), so that every device gives the same bits; origins [B] i64 first output bins e,
/// T <= e <= T_total; returns [B, T, N, C] f32 on the device of counts. Cost: one pass, B T N C
/// lookups; nothing else is read or written. Throws c10::Error for wrong shapes and origins outside
/// (origins are checked on the host's copy by the caller on CUDA).
at::Tensor window_gather(const at::Tensor& counts, const at::Tensor& table,
                         const at::Tensor& origins, std::int64_t lookback);

/// The same from the form that is fastest: counts of one byte, and all on a GPU, are looked up;
/// wider ones on the CPU are transformed once (twice the memory of u16), and their windows copied,
/// since a lookup of each would be one value a cycle.
class WindowSource {
 public:
  WindowSource() = default;
  /// counts and table as of window_gather(). Throws c10::Error for other types and shapes.
  WindowSource(at::Tensor counts, at::Tensor table);
  /// [B, T, N, C] f32, the bits of window_gather(counts, table, origins, lookback), and its errors.
  at::Tensor windows(const at::Tensor& origins, std::int64_t lookback) const;
  /// Bytes that are held beside counts and table.
  std::int64_t extra_bytes() const;

 private:
  at::Tensor counts_, table_;
  at::Tensor transformed_;  // [T_total, N, C] f32, or undefined
};

/// Throws c10::Error unless counts, table and origins have types and shapes as above and lie on one
/// device; every form of the operator asks it first. The origins' values are not read.
void check_window_gather(const at::Tensor& counts, const at::Tensor& table,
                         const at::Tensor& origins);

/// Throws c10::Error unless lookback <= e <= T_total for each origin e; reads them: on the host
/// only.
void check_window_origins(const at::Tensor& counts, const at::Tensor& origins,
                          std::int64_t lookback);

/// The same from LibTorch operators; what tests compare with.
at::Tensor window_gather_reference(const at::Tensor& counts, const at::Tensor& table,
                                   const at::Tensor& origins, std::int64_t lookback);

}  // namespace precinct::kernels
