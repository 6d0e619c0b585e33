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

/// 2 (y log(y / mean) - (y - mean)), the logarithm without cancellation where both are near.
double poisson_deviance(double y, double mean) {
  if (y == 0) return 2 * mean;
  const double apart = (y - mean) / mean;
  return 2 * (y * (std::abs(apart) < .5 ? std::log1p(apart) : std::log(y / mean)) - (y - mean));
}

/// Part of [low, high] that lies in [from, to], as a share of it; a point counts as inside when it
/// is.
double overlap(double low, double high, double from, double to) {
  if (high <= low) return low >= from && low <= to ? 1 : 0;
  return std::max(0.0, std::min(high, to) - std::max(low, from)) / (high - low);
}

/// A count above which less than 1e-16 of the distribution lies, by its variance and tail.
std::int64_t upper_bound(double mean, double dispersion) {
  const double deviation = std::sqrt(mean + dispersion * mean * mean);
  return static_cast<std::int64_t>(mean + 40 * deviation + 40 * dispersion * mean + 40);
}

/// Walks the masses p(0), p(1), ... of NB2 (dispersion 0: Poisson) by their ratio. Where p(0) is
/// near the smallest double the walk starts at 1 instead, is scaled down whenever it grows too
/// large, and is divided by its sum, which a first walk finds.
class Masses {
 public:
  Masses(double mean, double dispersion) : mean_(mean), dispersion_(dispersion) {
    const double log_p = dispersion > 0 ? -std::log1p(dispersion * mean) / dispersion : -mean;
    if (log_p > -600) {
      p_ = std::exp(log_p);
      return;
    }
    p_ = 1;
    Masses first = *this;
    first.rescaled_ = true;
    double sum = 0;
    for (const std::int64_t bound = upper_bound(mean, dispersion); first.k_ <= bound;) {
      sum += first.p_;
      const int before = first.shifts_;
      first.next();
      if (first.shifts_ != before) sum /= kLarge;
    }
    rescaled_ = true;
    last_shift_ = first.shifts_;
    sum_ = sum;
  }
  double p() const {
    if (shifts_ == last_shift_) return p_ / sum_;
    return shifts_ + 1 == last_shift_ ? p_ / kLarge / sum_ : 0;
  }
  void next() {
    p_ *= dispersion_ > 0 ? (1 + dispersion_ * static_cast<double>(k_)) * mean_ /
                                (static_cast<double>(k_ + 1) * (1 + dispersion_ * mean_))
                          : mean_ / static_cast<double>(k_ + 1);
    ++k_;
    if (!rescaled_ || p_ <= kLarge) return;
    p_ /= kLarge;
    ++shifts_;
  }

 private:
  static constexpr double kLarge = 1e250;
  double mean_, dispersion_, p_ = 0, sum_ = 1;
  std::int64_t k_ = 0;
  bool rescaled_ = false;
  int shifts_ = 0, last_shift_ = 0;
};

}  // namespace

CellScores score_cell(models::Family family, double mean, double dispersion, std::uint32_t y) {
  mean = std::max(mean, 1e-4);
  CellScores s;
  s.nll = models::nll(family, mean, dispersion, y);
  const double count = y;
  s.deviance = poisson_deviance(count, mean);
  if (family == models::Family::kPoint) {
    s.crps = std::abs(count - mean);
    s.pinball_05 = pinball(count, mean, .05);
    s.pinball_50 = pinball(count, mean, .50);
    s.pinball_95 = pinball(count, mean, .95);
    return s;
  }
  const bool poisson = family == models::Family::kPoisson || dispersion < 1e-8;
  if (poisson) dispersion = 0;
  Masses masses(mean, dispersion);
  const auto target = static_cast<std::int64_t>(y);
  const std::int64_t bound = upper_bound(mean, dispersion);
  double below = 0, distribution = masses.p();  // F(k - 1), F(k)
  std::int64_t q05 = -1, q25 = -1, q50 = -1, q75 = -1, q95 = -1;
  const auto add_pit = [&](double low, double high) {
    s.pit_inside_50 = overlap(low, high, .25, .75);
    s.pit_inside_90 = overlap(low, high, .05, .95);
    for (int b = 0; b < kPitBins; ++b)
      s.pit[static_cast<std::size_t>(b)] = overlap(low, high, static_cast<double>(b) / kPitBins,
                                                   static_cast<double>(b + 1) / kPitBins);
  };
  for (std::int64_t k = 0;; ++k) {
    const double f = std::min(distribution, 1.0);
    const auto reach = [&](std::int64_t& q, double level) {
      if (q < 0 && (f >= level || k >= bound)) q = k;
    };
    reach(q05, .05), reach(q25, .25), reach(q50, .50), reach(q75, .75), reach(q95, .95);
    const double gap = f - (k >= target ? 1.0 : 0.0);
    s.crps += gap * gap;
    if (k == target) add_pit(std::min(below, 1.0), f);
    if (k >= target && q95 >= 0 && 1 - f < 1e-12) break;
    if (k > bound) {  // F is 1 from here on
      if (k < target) {
        s.crps += static_cast<double>(target - 1 - k);
        add_pit(1, 1);
      }
      break;
    }
    masses.next();
    below = distribution;
    distribution += masses.p();
  }
  const auto inside = [&](std::int64_t low, std::int64_t high) {
    return low <= target && target <= high ? 1.0 : 0.0;
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
