// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/window_gather_small.h"

#include <algorithm>
#include <numeric>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define PRECINCT_HAS_AVX512 1
#endif

namespace precinct::kernels {
namespace {

/// The plain lookup, for the last cells and for counts above the rows that are held.
float look_up(const float* table, std::int64_t categories, const std::uint8_t* in, std::int64_t i) {
  return table[static_cast<std::int64_t>(in[i]) * categories + i % categories];
}

#ifdef PRECINCT_HAS_AVX512
template <int kPeriod>
__attribute__((target("avx512f,avx512bw,avx512vl"))) void run_avx512(
    const std::uint8_t* in, const float* rows, std::int64_t row_stride, const float* table,
    std::int64_t categories, std::int64_t cells, float* out) {
  __m512 row[4][kPeriod];
  for (int y = 0; y < 4; ++y)
    for (int p = 0; p < kPeriod; ++p) row[y][p] = _mm512_load_ps(rows + y * row_stride + 16 * p);
  const __m128i one = _mm_set1_epi8(1), two = _mm_set1_epi8(2), three = _mm_set1_epi8(3);
  std::int64_t base = 0;
  for (; base + 16 * kPeriod <= cells; base += 16 * kPeriod) {
    unsigned larger = 0;
#pragma GCC unroll 5
    for (int p = 0; p < kPeriod; ++p) {
      const __m128i y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + base + 16 * p));
      __m512 x = row[0][p];
      x = _mm512_mask_mov_ps(x, _mm_cmpeq_epi8_mask(y, one), row[1][p]);
      x = _mm512_mask_mov_ps(x, _mm_cmpeq_epi8_mask(y, two), row[2][p]);
      x = _mm512_mask_mov_ps(x, _mm_cmpeq_epi8_mask(y, three), row[3][p]);
      _mm512_storeu_ps(out + base + 16 * p, x);
      larger |= _mm_cmpgt_epu8_mask(y, three);
    }
    if (larger == 0) continue;
    for (std::int64_t i = base, c = 0; i < base + 16 * kPeriod; ++i) {  // a block begins at c = 0
      if (in[i] > 3) out[i] = table[in[i] * categories + c];
      c = c + 1 == categories ? 0 : c + 1;
    }
  }
  for (; base < cells; ++base) out[base] = look_up(table, categories, in, base);
}
#endif

std::int64_t period_of(std::int64_t categories) {
  return categories / std::gcd(categories, std::int64_t{16});
}

}  // namespace

bool SmallCountLookup::is_possible(std::int64_t num_categories) {
#ifdef PRECINCT_HAS_AVX512
  const std::int64_t period = period_of(num_categories);
  return (period == 1 || period == 3 || period == 5) && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  return num_categories < 0;  // never
#endif
}

bool SmallCountLookup::is_worth_it(const std::uint8_t* counts, std::int64_t size) {
  constexpr std::int64_t kSample = 509, kMaxLarger = kSample / 16;
  const std::int64_t stride = std::max<std::int64_t>(1, size / kSample);
  std::int64_t larger = 0;
  for (std::int64_t i = 0; i < size; i += stride) larger += counts[i] >= kRows ? 1 : 0;
  return larger <= kMaxLarger;
}

SmallCountLookup::SmallCountLookup(const float* table, std::int64_t num_rows,
                                   std::int64_t num_categories)
    : table_(table),
      num_categories_(num_categories),
      period_(static_cast<int>(period_of(num_categories))) {
  for (std::int64_t y = 0; y < std::min<std::int64_t>(kRows, num_rows); ++y)
    for (std::int64_t i = 0; i < period_ * kLanes; ++i)
      rows_[static_cast<std::size_t>(y * kMaxPeriod * kLanes + i)] =
          table[y * num_categories + i % num_categories];
}

void SmallCountLookup::run(const std::uint8_t* in, std::int64_t cells, float* out) const {
#ifdef PRECINCT_HAS_AVX512
  constexpr std::int64_t kStride = kMaxPeriod * kLanes;
  if (period_ == 1)
    return run_avx512<1>(in, rows_.data(), kStride, table_, num_categories_, cells, out);
  if (period_ == 3)
    return run_avx512<3>(in, rows_.data(), kStride, table_, num_categories_, cells, out);
  if (period_ == 5)
    return run_avx512<5>(in, rows_.data(), kStride, table_, num_categories_, cells, out);
#endif
  for (std::int64_t i = 0; i < cells; ++i) out[i] = look_up(table_, num_categories_, in, i);
}

}  // namespace precinct::kernels
