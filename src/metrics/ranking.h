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

/// Indices of the k largest values, ties to the lowest index.
std::vector<std::int64_t> largest(std::span<const double> values, std::int64_t k);

/// Sums of ranking scores over steps for one category and one area fraction.
///
///   hit_rate = hits / total,  PAI = hit_rate / (k / N),  PEI = hits / best hits with the same k
///
/// over the k districts of largest mean, ties to the lowest index. PAI_km2 goes by area: greedily
/// by mean per km2, passing over districts that would leave the fraction; its denominator is the
/// share of the area that was chosen. (Chainey et al. 2008; Hunt 2016.)
class RankingSums {
 public:
  /// `mean`, `count` and `area_km2` [N] of one step; areas of 0 leave PAI_km2 out.
  void add(std::span<const double> mean, std::span<const double> count,
           std::span<const double> area_km2, double fraction);
  void merge(const RankingSums& other);
  /// Incidents in all.
  double total() const { return total_; }
  double hit_rate() const { return total_ > 0 ? hits_ / total_ : 0; }
  double pai() const { return steps_ > 0 && share_ > 0 ? hit_rate() / (share_ / steps_) : 0; }
  double pei() const { return best_ > 0 ? hits_ / best_ : 0; }
  bool has_area() const { return area_share_ > 0; }
  double pai_km2() const {
    return has_area() && total_ > 0 ? (area_hits_ / total_) / (area_share_ / steps_) : 0;
  }

 private:
  double steps_ = 0, hits_ = 0, best_ = 0, total_ = 0, share_ = 0, area_hits_ = 0, area_share_ = 0;
};

/// Figures at a fraction, e.g. PAI@5% PEI@5% hit_rate@5% PAI_km2@5%: means over the categories that
/// had incidents; empty when none had.
std::map<std::string, double> ranking_figures(std::span<const RankingSums> categories,
                                              double fraction);

}  // namespace precinct::metrics
