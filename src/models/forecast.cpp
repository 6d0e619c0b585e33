// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/forecast.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace precinct::models {
namespace {

constexpr double kMinMean = 1e-4;
constexpr double kPoissonDispersion = 1e-100;  // below this 1 / dispersion may overflow

/// Walks p(0), p(1), ... of a count distribution by their ratio; stops being exact only where p
/// underflows.
class Masses {
 public:
  Masses(Family family, double mean, double dispersion)
      : mean_(std::max(mean, kMinMean)),
        dispersion_(family == Family::kNegativeBinomial2 ? dispersion : 0) {
    log_p_ =
        dispersion_ < kPoissonDispersion ? -mean_ : -std::log1p(dispersion_ * mean_) / dispersion_;
  }
  double p() const { return std::exp(log_p_); }
  void next() {
    const double k = static_cast<double>(y_++);
    if (dispersion_ < kPoissonDispersion) {
      log_p_ += std::log(mean_ / (k + 1));
    } else {
      log_p_ += std::log((1 + dispersion_ * k) * mean_ / ((k + 1) * (1 + dispersion_ * mean_)));
    }
  }

 private:
  double mean_, dispersion_, log_p_;
  std::int64_t y_ = 0;
};

/// A count above which less than 1e-13 of the distribution lies, by its variance and tail.
std::int64_t upper_bound(double mean, double dispersion) {
  const double deviation = std::sqrt(mean + dispersion * mean * mean);
  return static_cast<std::int64_t>(mean + 40 * deviation + 40 * dispersion * mean + 40);
}

/// log Gamma(z + 1) less Stirling's formula for it.
double stirling_error(double z) {
  if (z < 16)
    return std::lgamma(z + 1) - (z + 0.5) * std::log(z) + z - 0.5 * std::log(2 * std::numbers::pi);
  const double w = 1 / (z * z);
  return (1.0 / 12 - w * (1.0 / 360 - w * (1.0 / 1260 - w * (1.0 / 1680 - w / 1188)))) / z;
}

/// log(1 + x) given both 1 + x and x: neither end loses digits.
double log_of(double one_plus_x, double x) {
  return std::abs(x) < 0.5 ? std::log1p(x) : std::log(one_plus_x);
}

/// log p(y) for large y without differences of large log-gammas: the saddle-point form (Loader
/// 2000), written so that dispersion = 0 is its Poisson limit.
double log_mass_of_many(double mean, double dispersion, double y) {
  const double at_mean = 1 + dispersion * mean, at_y = 1 + dispersion * y;
  double log_p = -stirling_error(y) - 0.5 * std::log(2 * std::numbers::pi * y) +
                 y * log_of(mean * at_y / (y * at_mean), (mean - y) / (y * at_mean));
  if (dispersion == 0) return log_p + (y - mean);
  const double size = 1 / dispersion;
  return log_p + stirling_error(size + y) - stirling_error(size) - 0.5 * std::log(at_y) +
         size * log_of(at_y / at_mean, dispersion * (y - mean) / at_mean);
}

}  // namespace

double nll(Family family, double mean, double dispersion, std::uint32_t y) {
  mean = std::max(mean, kMinMean);
  const double count = y;
  if (family == Family::kPoint) return 0.5 * (count - mean) * (count - mean);
  if (family == Family::kPoisson || dispersion < kPoissonDispersion) dispersion = 0;
  if (y >= 32) return -log_mass_of_many(mean, dispersion, count);
  double rising = 0;  // log of (1)(1 + a)(1 + 2a)...(1 + (y-1) a)
  for (std::uint32_t k = 0; k < y; ++k) rising += std::log1p(dispersion * k);
  const double tail =
      dispersion > 0 ? (count + 1 / dispersion) * std::log1p(dispersion * mean) : mean;
  return -(rising + count * std::log(mean) - tail - std::lgamma(count + 1));
}

double cdf(Family family, double mean, double dispersion, std::int64_t y) {
  if (y < 0) return 0;
  if (family == Family::kPoint) return static_cast<double>(y) >= mean ? 1 : 0;
  Masses masses(family, mean, dispersion);
  double sum = masses.p();
  for (std::int64_t k = 0; k < y && sum < 1; ++k) {
    masses.next();
    sum += masses.p();
  }
  return std::min(sum, 1.0);
}

std::int64_t quantile(Family family, double mean, double dispersion, double p) {
  if (family == Family::kPoint) return static_cast<std::int64_t>(std::llround(std::max(mean, 0.0)));
  Masses masses(family, mean, dispersion);
  const std::int64_t bound = upper_bound(std::max(mean, kMinMean), dispersion);
  double sum = masses.p();
  std::int64_t y = 0;
  while (sum < p && y < bound) {
    masses.next();
    sum += masses.p();
    ++y;
  }
  return y;
}

double crps(Family family, double mean, double dispersion, std::uint32_t y) {
  if (family == Family::kPoint) return std::abs(static_cast<double>(y) - mean);
  // CRPS = sum over k >= 0 of (F(k) - 1[y <= k])^2.
  Masses masses(family, mean, dispersion);
  const std::int64_t bound = upper_bound(std::max(mean, kMinMean), dispersion);
  double sum = 0, distribution = masses.p();
  for (std::int64_t k = 0; k <= std::max<std::int64_t>(bound, y); ++k) {
    const double gap =
        std::min(distribution, 1.0) - (k >= static_cast<std::int64_t>(y) ? 1.0 : 0.0);
    sum += gap * gap;
    if (k >= static_cast<std::int64_t>(y) && 1 - distribution < 1e-12) break;
    masses.next();
    distribution += masses.p();
  }
  return sum;
}

}  // namespace precinct::models
