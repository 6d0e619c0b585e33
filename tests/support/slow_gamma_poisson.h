// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/features/gamma_poisson.h"

namespace precinct::test {

/// The gamma-Poisson forecaster from its formulas as direct sums over the past, without any
/// recursion: cubic in the length of the series, shares no code with the library. What the formulas
/// leave open is read as: the slow level at t is a weighted mean of the bins <= t; the level's
/// terms are divided by the season factors known after their bin; a bin in which no node was
/// observed is not there.
class SlowGammaPoisson {
 public:
  SlowGammaPoisson(const data::Panel& panel, const data::GammaPoissonConstants& constants)
      : p_(panel), k_(constants) {
    for (std::int64_t t = 0; t < p_.num_bins; ++t) {
      seen_.push_back(0);
      for (std::int64_t n = 0; n < p_.num_nodes; ++n) seen_.back() |= p_.is_observed(t, n);
      for (std::int64_t c = 0; c < p_.num_categories; ++c) {
        total_.push_back(0);
        for (std::int64_t n = 0; n < p_.num_nodes; ++n)
          if (p_.is_observed(t, n)) total_.back() += p_.count(t, n, c);
      }
    }
    for (std::int64_t t = 0; t < p_.num_bins; ++t)
      for (std::int64_t c = 0; c < p_.num_categories; ++c) slow_.push_back(slow_level(t, c));
  }

  /// mu0 of step h (0-based) from origin e >= 1.
  double mean(std::int64_t e, std::int64_t h, std::int64_t n, std::int64_t c) const {
    const int s = p_.axis.season_of(e + h);
    return theta(e, n, c) * level(e, c) / nodes() * factor(e, s, c) * q(e, s, n, c);
  }

 private:
  static double over(double a, double b) { return b > 0 ? a / b : 1; }
  static double weight(std::int64_t age, double half_life) {
    return std::pow(.5, static_cast<double>(age) / half_life);
  }
  double nodes() const { return static_cast<double>(p_.num_nodes); }
  bool any(std::int64_t t) const { return seen_[static_cast<std::size_t>(t)] != 0; }
  double total(std::int64_t t, std::int64_t c) const {
    return total_[static_cast<std::size_t>(t * p_.num_categories + c)];
  }

  double big_n(std::int64_t e, std::int64_t n, std::int64_t c) const {
    double sum = 0;
    for (std::int64_t t = 0; t < e; ++t)
      if (p_.is_observed(t, n)) sum += weight(e - 1 - t, k_.half_life) * p_.count(t, n, c);
    return sum;
  }
  double big_d(std::int64_t e, std::int64_t n, std::int64_t c) const {
    double sum = 0;
    for (std::int64_t t = 0; t < e; ++t)
      if (p_.is_observed(t, n)) sum += weight(e - 1 - t, k_.half_life) * total(t, c) / nodes();
    return sum;
  }
  double theta(std::int64_t e, std::int64_t n, std::int64_t c) const {
    const double d = big_d(e, n, c);
    double all_n = 0, all_d = 0;
    for (std::int64_t k = 0; k < p_.num_categories; ++k) {
      all_n += big_n(e, n, k);
      all_d += big_d(e, n, k);
    }
    double m = 1;
    m = (1 - k_.category_weight) * m + k_.category_weight * over(all_n, all_d);
    double group_sum = 0, group_size = 0;
    for (std::int64_t i = 0; i < p_.num_nodes; ++i) {
      if (p_.nodes[static_cast<std::size_t>(i)].parent !=
          p_.nodes[static_cast<std::size_t>(n)].parent)
        continue;
      group_sum += big_n(e, i, c);
      ++group_size;
    }
    m = (1 - k_.group_weight) * m + k_.group_weight * over(group_sum / group_size, d);
    double around = 0, neighbours = 0;
    for (std::size_t i = 0; i < p_.graph.source.size(); ++i) {
      if (p_.graph.source[i] != n) continue;
      around += big_n(e, p_.graph.target[i], c);
      ++neighbours;
    }
    if (neighbours > 0)
      m = (1 - k_.neighbour_weight) * m + k_.neighbour_weight * over(around / neighbours, d);
    return over(k_.prior * m + big_n(e, n, c), k_.prior + d);
  }

  double slow_level(std::int64_t t, std::int64_t c) const {
    const double half_life =
        p_.axis.spec().kind == BinKind::kMonth ? 12.0 : p_.axis.bins_in_days(365);
    double sum = 0, weights = 0;
    for (std::int64_t u = 0; u <= t; ++u) {
      if (!any(u)) continue;
      sum += weight(t - u, half_life) * total(u, c);
      weights += weight(t - u, half_life);
    }
    return weights > 0 ? sum / weights : 0;
  }
  double factor(std::int64_t e, int season, std::int64_t c) const {
    if (p_.axis.num_seasons() == 1) return 1;
    double own = 0, own_weight = 0, all = 0, all_weight = 0;
    int occurrences = 0;
    for (std::int64_t t = 0; t < e; ++t) {
      if (!any(t)) continue;
      const bool mine = p_.axis.season_of(t) == season;
      occurrences += mine ? 1 : 0;
      const double slow = slow_[static_cast<std::size_t>(t * p_.num_categories + c)];
      if (!(slow > 0)) continue;
      const double w = k_.season_half_life ? weight(e - 1 - t, *k_.season_half_life) : 1;
      const double x = w * total(t, c) / slow;
      all += x;
      all_weight += w;
      own += mine ? x : 0;
      own_weight += mine ? w : 0;
    }
    if (occurrences < 2) return 1;
    return (own + 3 * over(all, all_weight)) / (own_weight + 3);
  }
  double level(std::int64_t e, std::int64_t c) const {
    double sum = 0, weights = 0;
    for (std::int64_t t = 0; t < e; ++t) {
      if (!any(t)) continue;
      const double w = weight(e - 1 - t, k_.level_half_life);
      sum += w * total(t, c) / std::max(factor(t + 1, p_.axis.season_of(t), c), 1e-6);
      weights += w;
    }
    return weights > 0 ? sum / weights : 0;
  }
  double q(std::int64_t e, int season, std::int64_t n, std::int64_t c) const {
    if (!k_.season_prior || p_.axis.num_seasons() == 1) return 1;
    double sn = 0, sd = 0, w = 1;
    for (std::int64_t t = e - 1; t >= 0; --t) {
      if (p_.axis.season_of(t) != season || !p_.is_observed(t, n)) continue;
      sn += w * p_.count(t, n, c);
      sd += w * theta(t, n, c) * total(t, c) / nodes();
      w *= .998;
    }
    return over(*k_.season_prior + sn, *k_.season_prior + sd);
  }

  const data::Panel& p_;
  const data::GammaPoissonConstants& k_;
  std::vector<int> seen_;      // [T] any node observed
  std::vector<double> total_;  // [T, C] over observed nodes
  std::vector<double> slow_;   // [T, C]
};

}  // namespace precinct::test
