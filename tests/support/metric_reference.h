// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "base/atomic_file.h"
#include "metrics/cell_scores.h"

namespace precinct::test {

/// tests/fixtures/metrics/reference.json (scikit-learn, scipy, mpmath), read once.
inline const nlohmann::json& metric_reference() {
  static const nlohmann::json reference = nlohmann::json::parse(read_file(
      std::filesystem::path(PRECINCT_SOURCE_DIR) / "tests/fixtures/metrics/reference.json"));
  return reference;
}

/// 1e-12 relative, absolute below 1.
inline double reference_tolerance(double value) { return 1e-12 * std::max(1.0, std::abs(value)); }

/// Our scores of a cell of the reference.
inline metrics::CellScores score_reference_cell(const nlohmann::json& cell) {
  const double dispersion = cell.at("dispersion");
  return metrics::score_cell(
      dispersion == 0 ? models::Family::kPoisson : models::Family::kNegativeBinomial2,
      cell.at("mean"), dispersion, cell.at("y"));
}

}  // namespace precinct::test
