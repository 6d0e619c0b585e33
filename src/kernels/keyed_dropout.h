// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace precinct::kernels {

/// Where the units of a tensor stand in the whole network, so that a part of it draws the same.
struct DropoutOffset {
  std::int64_t bin = 0;
  std::int64_t node = 0;
  std::int64_t unit = 0;
};

/// Dropout whose draws depend on (key, window position, bin, node, unit) alone, so that no split of
/// a batch and no layout changes them: y = x / (1 - p) where hash(key, position[b], bin, node,
/// unit)
/// >= p 2^32, else 0. The hash is murmur3's finaliser, chained over the five words.
///
/// x: [B, T, N, D] float32|float64|bfloat16, any strides and device. position: [B] int64, >= 0.
/// key: any 64 bits (seed and layer mixed). p in [0, 1). Differentiable any number of times;
/// nothing is stored for the backward pass, which draws again. Throws c10::Error on wrong shapes.
at::Tensor keyed_dropout(const at::Tensor& x, const at::Tensor& position, std::uint64_t key,
                         double p, DropoutOffset offset = {});

/// The factors (0 or 1 / (1 - p)) from ATen operators, [B, T, N, D] float64: the test reference,
/// and the form for devices without a kernel of their own.
at::Tensor keyed_dropout_factors(at::IntArrayRef sizes, const at::Tensor& position,
                                 std::uint64_t key, double p, DropoutOffset offset = {});

}  // namespace precinct::kernels
