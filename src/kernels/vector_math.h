// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace precinct::kernels {

/// exp(x) in a form that compilers vectorise: 2^n times a polynomial (Cephes expf), error below 2
/// ulp; arguments are clamped to [-87, 88].
[[gnu::always_inline]] inline float fast_exp(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float shifted =
      x * 1.44269504088896341F + 12582912.0F;  // rounds to an integer in the low bits
  const float n = shifted - 12582912.0F;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  const float value = p * r * r + r + 1.0F;
  const auto exponent =
      static_cast<std::uint32_t>(std::bit_cast<std::int32_t>(shifted) - 0x4B400000 + 127) << 23;
  return value * std::bit_cast<float>(exponent);
}
[[gnu::always_inline]] inline double fast_exp(double x) { return std::exp(x); }

/// 1 / (1 + exp(-x)) and tanh(x) = 2 sigmoid(2x) - 1, on the same terms.
template <typename T>
[[gnu::always_inline]] inline T fast_sigmoid(T x) {
  return T(1) / (T(1) + fast_exp(-x));
}
template <typename T>
[[gnu::always_inline]] inline T fast_tanh(T x) {
  return T(2) / (T(1) + fast_exp(T(-2) * x)) - T(1);
}

}  // namespace precinct::kernels
