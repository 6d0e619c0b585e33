// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "models/forecast.h"

namespace precinct::metrics {

inline constexpr int kPitBins = 10;

/// Scores of one cell (one target, one node, one category).
struct CellScores {
  double nll = 0;
  double crps = 0;
  double deviance = 0;                    // Poisson deviance of the mean
  double pit_inside_50 = 0;               // expected share of the randomised PIT in [.25, .75]
  double pit_inside_90 = 0;               // ... in [.05, .95]
  std::array<double, kPitBins> pit{};     // expected share per tenth
  double covered_50 = 0, covered_90 = 0;  // 1 when y lies in the central interval
  double width_50 = 0, width_90 = 0;
  double pinball_05 = 0, pinball_50 = 0, pinball_95 = 0;
};

/// One walk over the distribution's masses; mean is clipped below at 1e-4. Distribution scores of a
/// point forecast are those of a step at the mean, and its NLL is half the squared error.
CellScores score_cell(models::Family family, double mean, double dispersion, std::uint32_t y);

}  // namespace precinct::metrics
