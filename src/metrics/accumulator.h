// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <string>

#include "metrics/cell_scores.h"

namespace precinct::metrics {

/// Sums of scores in double, added over ranks and never averaged twice; figures are functions of
/// the sums.
class Accumulator {
 public:
  void add(double mean, std::uint32_t y, const CellScores& scores);
  void merge(const Accumulator& other);
  double num_cells() const { return cells_; }
  double nll_sum() const { return nll_; }
  /// Named figures: MAE RMSE bias WAPE R2 MAPE_positive (over y > 0) poisson_deviance; with a
  /// distribution also NLL CRPS pinball_.. coverage_.. width_.. PIT_coverage_..; `scale` > 0 (mean
  /// absolute seasonal difference of the training range) gives MASE. What is 0/0 (WAPE without
  /// incidents, R2 of equal counts) is left out, never NaN; empty without cells.
  std::map<std::string, double> figures(bool with_distribution, double scale = 0) const;
  /// Shares of the PIT per tenth.
  std::array<double, kPitBins> pit_histogram() const;

 private:
  double cells_ = 0, absolute_ = 0, squared_ = 0, y_ = 0, error_ = 0, relative_ = 0, positive_ = 0;
  double spread_ = 0;  // sum of (y - mean of y)^2, by Welford's update: no difference of large sums
  double nll_ = 0, crps_ = 0, deviance_ = 0, pit_inside_50_ = 0, pit_inside_90_ = 0,
         covered_50_ = 0, covered_90_ = 0, width_50_ = 0, width_90_ = 0;
  double pinball_05_ = 0, pinball_50_ = 0, pinball_95_ = 0;
  std::array<double, kPitBins> pit_{};
};

}  // namespace precinct::metrics
