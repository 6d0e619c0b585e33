// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/dispersion.h"

#include <cmath>
#include <cstdint>

namespace precinct::data {

double nb2_loss(double mean, double dispersion, double y) {
  if (dispersion < 1e-9) return mean - y * std::log(mean);
  double log_p = y * std::log(mean) - (y + 1 / dispersion) * std::log1p(dispersion * mean);
  const auto num_terms = static_cast<std::int64_t>(std::ceil(y));
  for (std::int64_t k = 0; k < num_terms; ++k)
    log_p += std::log1p(dispersion * static_cast<double>(k));
  return -log_p;
}

double fit_dispersion(std::span<const double> mean, std::span<const double> count) {
  const auto loss = [&](double log_dispersion) {
    const double dispersion = std::exp(log_dispersion);
    double sum = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) sum += nb2_loss(mean[i], dispersion, count[i]);
    return sum;
  };
  constexpr double kGolden = 0.6180339887498949;
  double low = std::log(1e-6), high = std::log(1e3);
  double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
  double loss_a = loss(a), loss_b = loss(b);
  while (high - low > 1e-4) {
    if (loss_a <= loss_b) {
      high = b;
      b = a;
      loss_b = loss_a;
      a = high - kGolden * (high - low);
      loss_a = loss(a);
    } else {
      low = a;
      a = b;
      loss_a = loss_b;
      b = low + kGolden * (high - low);
      loss_b = loss(b);
    }
  }
  return std::exp((low + high) / 2);
}

}  // namespace precinct::data
