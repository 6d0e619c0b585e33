// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "data/panel.h"
#include "models/forecast.h"

namespace precinct::test {

/// A forecast from each origin: the rate that small_panel was drawn from, times e^(noise x normal).
inline models::Forecast made_forecast(const data::Panel& panel,
                                      const std::vector<std::int64_t>& origins,
                                      std::int64_t horizon, models::Family family, double noise = 0,
                                      std::uint64_t seed = 3) {
  models::Forecast f;
  f.origins = origins;
  f.family = family;
  f.horizon = horizon;
  f.num_nodes = panel.num_nodes;
  f.num_categories = panel.num_categories;
  for (const std::int64_t origin : origins) {
    for (std::int64_t t = origin; t < origin + horizon; ++t) {
      for (std::int64_t n = 0; n < f.num_nodes; ++n) {
        for (std::int64_t c = 0; c < f.num_categories; ++c) {
          const double rate = (0.3 + 0.15 * static_cast<double>(n)) *
                              (1 + 0.4 * (panel.axis.season_of(t) >= 5)) /
                              static_cast<double>(1 + c);
          const auto draw = static_cast<std::uint64_t>(f.mean.size());
          f.mean.push_back(static_cast<float>(rate * std::exp(noise * normal(seed, draw))));
          if (family == models::Family::kNegativeBinomial2)
            f.dispersion.push_back(static_cast<float>(0.02 + 0.3 * uniform(seed, draw)));
        }
      }
    }
  }
  return f;
}

}  // namespace precinct::test
