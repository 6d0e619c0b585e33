// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/loader/split.h"
#include "data/panel.h"

namespace precinct::data {

/// Constants of the gamma-Poisson baseline; half-lives in bins.
struct GammaPoissonConstants {
  double half_life = 240;                    // hl, of the shares
  double prior = 2;                          // a
  double neighbour_weight = 0.3;             // wn
  double category_weight = 0.2;              // wc
  double group_weight = 0;                   // wg
  double level_half_life = 14;               // hl_level
  std::optional<double> season_half_life;    // none: undiscounted
  std::optional<double> season_prior = 300;  // c; none: q = 1
  std::vector<double> dispersion;            // [C] NB2, maximum likelihood on validation
};

/// The closed-form forecaster of the accuracy protocol: mean = theta * L/R * F[season] * q[season],
/// from counts before the origin alone. One pass in double over the panel; stores theta [T+1,N,C],
/// q_after [T,N,C], L [T+1,C], F [T+1,S,C] as f32. Thread-safe after construction.
class GammaPoissonSeries {
 public:
  GammaPoissonSeries(const Panel& panel, const GammaPoissonConstants& constants);
  /// mu0 of origin e (first target bin, e <= num_bins) for steps h = 0..horizon-1: out [H, N, C].
  void mean(std::int64_t origin, std::int64_t horizon, float* out) const;
  const GammaPoissonConstants& constants() const { return constants_; }

 private:
  GammaPoissonConstants constants_;
  BinAxis axis_;
  std::int64_t num_bins_ = 0, num_nodes_ = 0, num_categories_ = 0, num_seasons_ = 1;
  std::vector<float> theta_;    // [T+1, N, C]
  std::vector<float> q_after_;  // [T, N, C]
  std::vector<float> level_;    // [T+1, C]
  std::vector<float> season_;   // [T+1, S, C]
};

/// Coordinate search, two rounds, on the Poisson loss of the validation bins and three times as
/// many before; then one dispersion per category by maximum likelihood on validation. All at h = 1.
GammaPoissonConstants choose_gamma_poisson(const Panel& panel, const BinRange& validation);

}  // namespace precinct::data
