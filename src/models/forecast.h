// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/loader/split.h"
#include "data/panel.h"

namespace precinct::models {

/// What a forecast's parameters mean.
enum class Family {
  kPoint,              // P = 1: mean
  kPoisson,            // P = 1: mean
  kNegativeBinomial2,  // P = 2: mean, dispersion (Var = mean + dispersion mean^2)
};

/// Forecasts of all nodes and categories from a list of origins. Origin e is the first target bin
/// (h = 1), so step h (0-based here) forecasts bin e + h, from counts of bins < e alone.
struct Forecast {
  std::vector<std::int64_t> origins;  // [O]
  Family family = Family::kNegativeBinomial2;
  std::int64_t horizon = 0;         // H
  std::int64_t num_nodes = 0;       // N
  std::int64_t num_categories = 0;  // C
  std::vector<float> mean;          // [O, H, N, C]
  std::vector<float> dispersion;    // [O, H, N, C] for kNegativeBinomial2, else empty

  std::int64_t index(std::int64_t origin, std::int64_t step, std::int64_t node,
                     std::int64_t category) const {
    return ((origin * horizon + step) * num_nodes + node) * num_categories + category;
  }
  std::int64_t size() const {
    return static_cast<std::int64_t>(origins.size()) * horizon * num_nodes * num_categories;
  }
};

/// Distribution functions of one cell; mean is clipped below at 1e-4. y >= 0.
/// NLL has its normalising constant; CRPS is exact by summation; cdf(-1) = 0.
/// dispersion -> 0 goes to Poisson without cancellation.
double nll(Family family, double mean, double dispersion, std::uint32_t y);
double crps(Family family, double mean, double dispersion, std::uint32_t y);
double cdf(Family family, double mean, double dispersion, std::int64_t y);
/// Smallest y with cdf(y) >= p; p in (0, 1).
std::int64_t quantile(Family family, double mean, double dispersion, double p);

/// A model seen from outside: baselines, networks and artifacts are compared through this alone.
class Forecaster {
 public:
  virtual ~Forecaster() = default;
  virtual std::string name() const = 0;
  /// Learns from bins of split.train (constants on split.validation); never looks at split.test.
  virtual void fit(const data::Panel& panel, const data::Split& split) = 0;
  /// Forecasts from each origin (sorted) with inputs before the origin only. An origin may equal
  /// num_bins (forecast beyond the panel).
  virtual Forecast predict(const data::Panel& panel, std::span<const std::int64_t> origins,
                           std::int64_t horizon) = 0;
};

}  // namespace precinct::models
