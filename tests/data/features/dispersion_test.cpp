// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/dispersion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace precinct::data {
namespace {

/// NB2 as a gamma mixture, from gamma functions in long double; the term log y! left out.
double loss_by_gamma_functions(double mean, double dispersion, double y) {
  const long double r = 1.0L / dispersion, mu = mean;
  return static_cast<double>(-(std::lgamma(y + r) - std::lgamma(r) + r * std::log(r / (r + mu)) +
                               y * std::log(mu / (r + mu))));
}

struct Sample {
  std::vector<double> mean, count;
};

/// Counts of NB2 by inversion, with means between .2 and 3.
Sample draw(double dispersion, std::int64_t size, std::uint64_t seed) {
  Sample sample;
  for (std::int64_t i = 0; i < size; ++i) {
    const auto at = static_cast<std::uint64_t>(i);
    const double mean = .2 + 2.8 * uniform(mix(seed, 1), at);
    double u = uniform(mix(seed, 2), at), y = 0,
           p = dispersion > 0 ? std::pow(1 + dispersion * mean, -1 / dispersion) : std::exp(-mean);
    while (u > p && y < 500) {
      u -= p;
      p *= (1 + dispersion * y) * mean / ((y + 1) * (1 + dispersion * mean));
      ++y;
    }
    sample.mean.push_back(mean);
    sample.count.push_back(y);
  }
  return sample;
}

TEST(Nb2Loss, EqualsTheGammaFunctionForm) {
  for (const double dispersion : {1e-3, .05, .5, 2.0, 100.0, 1000.0}) {
    for (const double mean : {1e-4, .1, 1.0, 7.5, 300.0}) {
      for (const double y : {0.0, 1.0, 2.0, 10.0, 150.0}) {
        const double wanted = loss_by_gamma_functions(mean, dispersion, y);
        EXPECT_NEAR(nb2_loss(mean, dispersion, y), wanted, 1e-10 * (1 + std::abs(wanted)))
            << dispersion << " " << mean << " " << y;
      }
    }
  }
}

TEST(Nb2Loss, GoesToPoissonWithoutAJump) {
  for (const double mean : {1e-4, .5, 20.0}) {
    for (const double y : {0.0, 1.0, 30.0}) {
      const double poisson = mean - y * std::log(mean);
      EXPECT_DOUBLE_EQ(nb2_loss(mean, 0, y), poisson);
      for (const double dispersion : {1e-12, 9.9e-10, 1.1e-9, 1e-8})
        EXPECT_NEAR(nb2_loss(mean, dispersion, y), poisson, 500 * dispersion + 1e-13);
    }
  }
}

TEST(FitDispersion, IsTheMinimumOfAFineGrid) {
  const Sample sample = draw(.4, 500, 11);
  const auto loss = [&](double dispersion) {
    double sum = 0;
    for (std::size_t i = 0; i < sample.mean.size(); ++i)
      sum += loss_by_gamma_functions(sample.mean[i], dispersion, sample.count[i]);
    return sum;
  };
  double best = 0, least = 1e300;
  for (double log_dispersion = -3; log_dispersion < 1; log_dispersion += .002) {
    const double value = loss(std::exp(log_dispersion));
    if (value < least) {
      least = value;
      best = log_dispersion;
    }
  }
  EXPECT_NEAR(std::log(fit_dispersion(sample.mean, sample.count)), best, .0025);
}

TEST(FitDispersion, RecoversTheLawThatTheCountsCameFrom) {
  for (const double dispersion : {.1, .5, 3.0}) {
    const Sample sample = draw(dispersion, 20'000, 5);  // fixed seed: no chance of a false failure
    EXPECT_NEAR(fit_dispersion(sample.mean, sample.count) / dispersion, 1, .1);
  }
}

TEST(FitDispersion, EndsAtItsLimitsWhenTheDataHoldNothing) {
  EXPECT_NEAR(fit_dispersion({}, {}), 1e-6, 1e-8);
  // Less spread than Poisson: the least dispersion is the best.
  const std::vector<double> mean(50, 4.0), steady(50, 4.0), zeros(50, 0.0);
  EXPECT_NEAR(fit_dispersion(mean, steady), 1e-6, 1e-8);
  // Only zeros where four were expected: the largest is.
  EXPECT_NEAR(fit_dispersion(mean, zeros), 1e3, 1);
}

}  // namespace
}  // namespace precinct::data
