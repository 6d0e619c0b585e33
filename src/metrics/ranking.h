// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace precinct::metrics {

/// Number of districts at an area fraction: max(1, floor(fraction N + 1/2)).
std::int64_t ranked_count(double fraction, std::int64_t num_nodes);

/// Sums of ranking scores over steps for one category and one fraction. PAI = hit rate / area
/// share; PEI = hits / best hits with the same k. The `k` nodes of largest mean, ties to the lowest
/// index.
class RankingSums {
 public:
  /// `mean` and `count` [N] of one step.
  void add(std::span<const float> mean, std::span<const double> count,
           std::span<const double> area_km2, double fraction);
  void merge(const RankingSums& other);
  double total() const { return total_; }
  double hit_rate() const { return total_ > 0 ? hits_ / total_ : 0; }
  double pai() const { return steps_ > 0 && share_ > 0 ? hit_rate() / (share_ / steps_) : 0; }
  double pei() const { return best_ > 0 ? hits_ / best_ : 0; }
  /// By area: greedy by mean per km2 while the area stays within the fraction; denominator = the
  /// area chosen.
  double pai_km2() const {
    return steps_ > 0 && area_share_ > 0 && total_ > 0
               ? (area_hits_ / total_) / (area_share_ / steps_)
               : 0;
  }

 private:
  double steps_ = 0, hits_ = 0, best_ = 0, total_ = 0, share_ = 0, area_hits_ = 0, area_share_ = 0;
};

/// Indices of the k largest values, ties to the lowest index.
std::vector<std::int64_t> largest(std::span<const float> values, std::int64_t k);

}  // namespace precinct::metrics
