// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace precinct::data {

/// Half-open range of bins [begin, end).
struct BinRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end > begin ? end - begin : 0; }
  bool contains(std::int64_t bin) const { return bin >= begin && bin < end; }
  /// Whether there is a bin that both hold.
  bool overlaps(const BinRange& other) const {
    return std::max(begin, other.begin) < std::min(end, other.end);
  }
  bool operator==(const BinRange&) const = default;
};

/// Consecutive ranges of target bins, `gap` bins apart. A window belongs to the range that holds
/// all its output bins, else to none; its inputs may reach back across the border.
struct Split {
  BinRange train;
  BinRange validation;
  BinRange test;
  BinRange production;  // empty unless the preset has a fourth part

  /// Fractions, e.g. 0.7/0.1/0.2 of num_bins, gap bins between parts. Throws ConfigError when a
  /// part is empty or shorter than `horizon`.
  static Split by_fractions(std::int64_t num_bins, double train, double validation, double test,
                            double production, std::int64_t gap, std::int64_t horizon);
  /// Explicit borders; throws ConfigError when ranges overlap, leave the panel or are shorter than
  /// `horizon`.
  static Split by_bins(std::int64_t num_bins, BinRange train, BinRange validation, BinRange test,
                       std::int64_t horizon);
};

/// First output bins e of the windows whose output [e, e+horizon) lies in `range` and whose input
/// [e-lookback, e) exists: e = begin, begin+stride, ...
BinRange origins_in(const BinRange& range, std::int64_t lookback, std::int64_t horizon);

}  // namespace precinct::data
