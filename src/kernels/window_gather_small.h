// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace precinct::kernels {

/// Lookup of counts that are mostly below 4, as counts per district and bin are: the table's first
/// four rows stay in vector registers and are chosen between by comparison, so that no lane loads
/// from an address of its own; larger counts are looked up one by one. Same bits as the plain
/// lookup.
class SmallCountLookup {
 public:
  /// True when this processor has the instructions and the period of `num_categories` in vectors of
  /// 16 fits in its registers (1, 2, 3, 4, 5, 6, 8, 10, 12, 16 categories).
  static bool is_possible(std::int64_t num_categories);
  /// True when a sample of the counts has few above 3: with many, the plain lookup is faster.
  static bool is_worth_it(const std::uint8_t* counts, std::int64_t size);
  /// table [num_rows, num_categories] f32 must outlive the object.
  SmallCountLookup(const float* table, std::int64_t num_rows, std::int64_t num_categories);
  /// out[i] = table[in[i], i mod num_categories] for `cells` counts. Thread-safe.
  void run(const std::uint8_t* in, std::int64_t cells, float* out) const;

 private:
  static constexpr int kRows = 4, kMaxPeriod = 5, kLanes = 16;

  const float* table_;
  std::int64_t num_categories_;
  int period_;  // vectors until the categories of the lanes repeat
  alignas(64) std::array<float, kRows * kMaxPeriod * kLanes> rows_{};  // [row, phase, lane]
};

}  // namespace precinct::kernels
