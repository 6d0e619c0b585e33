// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/cell_scores.h"

#include <algorithm>
#include <cmath>

namespace precinct::metrics {
namespace {

double pinball(double y, double quantile, double level) {
  return y >= quantile ? level * (y - quantile) : (1 - level) * (quantile - y);
}

/// Part of [low, high] that lies in [from, to], as a share of it; a point counts as inside when it
/// is.
double overlap(double low, double high, double from, double to) {
  if (high <= low) return low >= from && low <= to ? 1 : 0;
  return std::max(0.0, std::min(high, to) - std::max(low, from)) / (high - low);
}

}  // namespace

CellScores score_cell(models::Family family, double mean, double dispersion, std::uint32_t y) {
  mean = std::max(mean, 1e-4);
  CellScores s;
  s.nll = models::nll(family, mean, dispersion, y);
  const double count = y;
  s.deviance = 2 * ((y > 0 ? count * std::log(count / mean) : 0) - (count - mean));
  if (family == models::Family::kPoint) {
    s.crps = std::abs(count - mean);
    s.pinball_05 = pinball(count, mean, .05);
    s.pinball_50 = pinball(count, mean, .50);
    s.pinball_95 = pinball(count, mean, .95);
    return s;
  }
  const bool poisson = family == models::Family::kPoisson || dispersion < 1e-8;
  double p = poisson ? std::exp(-mean) : std::exp(-std::log1p(dispersion * mean) / dispersion);
  double below = 0, distribution = p;  // F(k - 1), F(k)
  std::int64_t q05 = -1, q25 = -1, q50 = -1, q75 = -1, q95 = -1;
  const double deviation = std::sqrt(mean + (poisson ? 0 : dispersion * mean * mean));
  const auto bound = static_cast<std::int64_t>(mean + 40 * deviation +
                                               (poisson ? 0 : 40 * dispersion * mean) + 40);
  for (std::int64_t k = 0;; ++k) {
    const double f = std::min(distribution, 1.0);
    const auto reach = [&](std::int64_t& q, double level) {
      if (q < 0 && (f >= level || k >= bound)) q = k;
    };
    reach(q05, .05), reach(q25, .25), reach(q50, .50), reach(q75, .75), reach(q95, .95);
    const double gap = f - (k >= static_cast<std::int64_t>(y) ? 1.0 : 0.0);
    s.crps += gap * gap;
    if (k == static_cast<std::int64_t>(y)) {
      s.pit_inside_90 = overlap(std::min(below, 1.0), f, .05, .95);
      for (int b = 0; b < kPitBins; ++b) {
        s.pit[static_cast<std::size_t>(b)] =
            overlap(std::min(below, 1.0), f, static_cast<double>(b) / kPitBins,
                    static_cast<double>(b + 1) / kPitBins);
      }
    }
    if (k >= static_cast<std::int64_t>(y) && q95 >= 0 && 1 - f < 1e-12) break;
    if (k > bound && k > static_cast<std::int64_t>(y)) break;
    const double next = static_cast<double>(k);
    p *= poisson ? mean / (next + 1)
                 : (1 + dispersion * next) * mean / ((next + 1) * (1 + dispersion * mean));
    below = distribution;
    distribution += p;
  }
  const auto inside = [&](std::int64_t low, std::int64_t high) {
    return low <= static_cast<std::int64_t>(y) && static_cast<std::int64_t>(y) <= high ? 1.0 : 0.0;
  };
  s.covered_50 = inside(q25, q75);
  s.covered_90 = inside(q05, q95);
  s.width_50 = static_cast<double>(q75 - q25);
  s.width_90 = static_cast<double>(q95 - q05);
  s.pinball_05 = pinball(count, static_cast<double>(q05), .05);
  s.pinball_50 = pinball(count, static_cast<double>(q50), .50);
  s.pinball_95 = pinball(count, static_cast<double>(q95), .95);
  return s;
}

}  // namespace precinct::metrics
