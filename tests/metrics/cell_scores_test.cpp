// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/cell_scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/support/metric_reference.h"

namespace precinct::metrics {
namespace {

using models::Family;

// N3: 1,000 random cells and 25 degenerate ones.
TEST(CellScores, EqualTheReference) {
  const auto& cells = test::metric_reference().at("cells");
  ASSERT_GE(cells.size(), 1020U);
  for (const auto& cell : cells) {
    const CellScores s = test::score_reference_cell(cell);
    const auto expect = [&](const char* name, double ours) {
      if (!cell.contains(name)) return;
      const double value = cell.at(name);
      EXPECT_NEAR(ours, value, test::reference_tolerance(value))
          << name << " of mean " << cell.at("mean") << " dispersion " << cell.at("dispersion")
          << " y " << cell.at("y");
    };
    expect("nll", s.nll);
    expect("crps", s.crps);
    expect("deviance", s.deviance);
    expect("pit_inside_50", s.pit_inside_50);
    expect("pit_inside_90", s.pit_inside_90);
    expect("covered_50", s.covered_50);
    expect("covered_90", s.covered_90);
    expect("width_50", s.width_50);
    expect("width_90", s.width_90);
    expect("pinball_05", s.pinball_05);
    expect("pinball_50", s.pinball_50);
    expect("pinball_95", s.pinball_95);
    if (!cell.contains("pit")) continue;
    for (std::size_t b = 0; b < kPitBins; ++b)
      EXPECT_NEAR(s.pit[b], cell.at("pit").at(b).get<double>(),
                  1e-12 + 1e-9 * (cell.at("nll") > 25))
          << cell;
  }
}

TEST(CellScores, PointForecastsAreAStepAtTheMean) {
  const CellScores s = score_cell(Family::kPoint, 2.5, 0, 4);
  EXPECT_DOUBLE_EQ(s.crps, 1.5);
  EXPECT_DOUBLE_EQ(s.nll, 0.5 * 1.5 * 1.5);
  EXPECT_DOUBLE_EQ(s.pinball_95, .95 * 1.5);
  EXPECT_DOUBLE_EQ(score_cell(Family::kPoint, 2.5, 0, 1).pinball_95, .05 * 1.5);
}

TEST(CellScores, MeansAreClippedBelow) {
  for (const double mean : {0.0, -3.0, 1e-9})
    EXPECT_EQ(score_cell(Family::kPoisson, mean, 0, 1).nll,
              score_cell(Family::kPoisson, 1e-4, 0, 1).nll);
}

TEST(CellScores, ACountFarBeyondTheDistributionEndsAtOnce) {
  const CellScores s = score_cell(Family::kPoisson, 1, 0, 4'000'000'000U);
  EXPECT_NEAR(s.crps, 4e9 - 1, 1);
  EXPECT_EQ(s.pit_inside_90, 0);
  EXPECT_EQ(s.pit[9], 1);
}

// Means whose p(0) is below the smallest double: monthly counts of a whole city.
TEST(CellScores, LargeMeansKeepTheirDistribution) {
  for (const double dispersion : {0.0, 1e-4}) {
    const Family family = dispersion == 0 ? Family::kPoisson : Family::kNegativeBinomial2;
    const double mean = 20'000, deviation = std::sqrt(mean + dispersion * mean * mean);
    const CellScores s = score_cell(family, mean, dispersion, 20'000);
    EXPECT_NEAR(s.width_90 / deviation, 2 * 1.6449, 0.02);
    EXPECT_NEAR(s.crps / deviation, (std::sqrt(2.0) - 1) / std::sqrt(M_PI),
                0.01);  // of a normal at its middle
    EXPECT_EQ(s.covered_50, 1);
    EXPECT_NEAR(std::accumulate(s.pit.begin(), s.pit.end(), 0.0), 1, 1e-9);
  }
}

}  // namespace
}  // namespace precinct::metrics
