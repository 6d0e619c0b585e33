// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/panel.h"

namespace precinct::data {

/// Exponentially weighted means at several half-lives, computed recursively over the series once.
/// Row e uses bins < e alone; an unobserved node-bin leaves its node's means as they are.
/// Normalised by the sum of weights; 0 before the first observation.
struct EwmaSeries {
  std::vector<std::string>
      names;  // [Fo]: "<kind>/<category>/<half-life>d", kinds node, total, group
  std::int64_t num_features = 0;  // Fo
  std::vector<float> values;      // [T+1, N, Fo]: log1p of the means
};

/// Features per node: its own counts per category, the category's total per node, and, when
/// districts have parents, its group's mean; each at every half-life (days). Source: numerics,
/// section 1.
EwmaSeries compute_ewma(const Panel& panel, const std::vector<double>& half_lives_days);

}  // namespace precinct::data
