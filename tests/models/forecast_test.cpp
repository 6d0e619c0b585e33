// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/forecast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace precinct::models {
namespace {

constexpr Family kPoisson = Family::kPoisson, kNb2 = Family::kNegativeBinomial2;

/// Masses 0..size-1 from gamma functions in long double.
std::vector<long double> masses(Family family, double mean, double dispersion, std::size_t size) {
  std::vector<long double> p;
  const long double mu = mean, r = 1.0L / dispersion;
  for (std::size_t k = 0; k < size; ++k) {
    const long double y = static_cast<long double>(k);
    const long double log_p = family == kPoisson
                                  ? y * std::log(mu) - mu - std::lgamma(y + 1)
                                  : std::lgamma(y + r) - std::lgamma(r) - std::lgamma(y + 1) +
                                        r * std::log(r / (r + mu)) + y * std::log(mu / (r + mu));
    p.push_back(std::exp(log_p));
  }
  return p;
}

struct Law {
  Family family;
  double mean, dispersion;
  std::size_t size;  // masses beyond are below 1e-14 in sum
};

const std::vector<Law> kLaws = {
    {kPoisson, 1e-4, 0, 20}, {kPoisson, .3, 0, 30}, {kPoisson, 4, 0, 60},    {kPoisson, 60, 0, 200},
    {kNb2, 1e-4, .5, 20},    {kNb2, .3, .01, 30},   {kNb2, .3, 1.5, 150},    {kNb2, 4, .2, 150},
    {kNb2, 4, 3, 1500},      {kNb2, 60, .05, 500},  {kNb2, .05, 1000, 2500},
};

class CountLaw : public testing::TestWithParam<Law> {};
INSTANTIATE_TEST_SUITE_P(Laws, CountLaw, testing::ValuesIn(kLaws), [](const auto& info) {
  return std::to_string(info.index) + (info.param.family == kPoisson ? "Poisson" : "Nb2");
});

TEST_P(CountLaw, MassesAndDistributionEqualTheSums) {
  const Law law = GetParam();
  const auto p = masses(law.family, law.mean, law.dispersion, law.size);
  long double sum = 0;
  for (std::size_t y = 0; y < law.size; ++y) {
    sum += p[y];
    const double wanted = -static_cast<double>(std::log(p[y]));
    if (p[y] > 1e-300L) {
      EXPECT_NEAR(nll(law.family, law.mean, law.dispersion, static_cast<std::uint32_t>(y)), wanted,
                  1e-12 * (1 + std::abs(wanted)))
          << y;
    }
    EXPECT_NEAR(cdf(law.family, law.mean, law.dispersion, static_cast<std::int64_t>(y)),
                static_cast<double>(sum), 1e-12)
        << y;
  }
  EXPECT_NEAR(static_cast<double>(sum), 1, 1e-13);  // the sums are long enough to be a reference
  EXPECT_EQ(cdf(law.family, law.mean, law.dispersion, -1), 0);
}

TEST_P(CountLaw, MeanAndVarianceAreThoseOfTheParameters) {
  const Law law = GetParam();
  long double mean = 0, square = 0;
  for (std::size_t y = 0; y < law.size; ++y) {
    const long double p =
        std::exp(-nll(law.family, law.mean, law.dispersion, static_cast<std::uint32_t>(y)));
    mean += p * y;
    square += p * y * y;
  }
  const double variance = law.mean + law.dispersion * law.mean * law.mean;
  EXPECT_NEAR(static_cast<double>(mean) / law.mean, 1, 1e-7);
  EXPECT_NEAR(static_cast<double>(square - mean * mean) / variance, 1, 1e-6);
}

TEST_P(CountLaw, QuantileIsTheLeastCountThatReachesTheLevel) {
  const Law law = GetParam();
  const auto p = masses(law.family, law.mean, law.dispersion, law.size);
  for (const double level : {1e-6, .05, .25, .5, .75, .9, .95, .999, 1 - 1e-9}) {
    long double sum = 0;
    std::int64_t wanted = 0;
    while (sum + p[static_cast<std::size_t>(wanted)] < level)
      sum += p[static_cast<std::size_t>(wanted++)];
    EXPECT_EQ(quantile(law.family, law.mean, law.dispersion, level), wanted) << level;
  }
}

// E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007), not the sum over the distribution.
TEST_P(CountLaw, CrpsEqualsTheExpectationForm) {
  const Law law = GetParam();
  const auto p = masses(law.family, law.mean, law.dispersion, law.size);
  long double spread = 0;
  for (std::size_t a = 0; a < law.size; ++a)
    for (std::size_t b = 0; b < a; ++b) spread += 2 * p[a] * p[b] * static_cast<long double>(a - b);
  for (const std::uint32_t y : {0U, 1U, 2U, 7U, 30U, 100U}) {
    long double distance = 0;
    for (std::size_t a = 0; a < law.size; ++a)
      distance += p[a] * std::abs(static_cast<long double>(a) - y);
    const double wanted = static_cast<double>(distance - spread / 2);
    EXPECT_NEAR(crps(law.family, law.mean, law.dispersion, y), wanted, 1e-10 * (1 + wanted)) << y;
  }
}

// The randomised PIT of y is uniform on [F(y - 1), F(y)]; over a right law it is uniform on [0, 1].
TEST_P(CountLaw, RandomisedPitOfARightLawIsUniform) {
  const Law law = GetParam();
  const auto p = masses(law.family, law.mean, law.dispersion, law.size);
  const auto distribution = [&](double mean) {
    std::vector<double> f = {0};  // F(-1), F(0), ...
    for (std::size_t y = 0; y < law.size; ++y)
      f.push_back(cdf(law.family, mean, law.dispersion, static_cast<std::int64_t>(y)));
    return f;
  };
  const auto expected_share = [&](double from, double to, const std::vector<double>& f) {
    double share = 0;
    for (std::size_t y = 0; y < law.size; ++y) {
      const double low = f[y], high = f[y + 1];
      if (high <= low) continue;
      share += static_cast<double>(p[y]) * std::max(0.0, std::min(high, to) - std::max(low, from)) /
               (high - low);
    }
    return share;
  };
  const auto right = distribution(law.mean), wrong = distribution(law.mean / 2);
  EXPECT_NEAR(expected_share(.05, .95, right), .9, 1e-10);
  for (int tenth = 0; tenth < 10; ++tenth)
    EXPECT_NEAR(expected_share(tenth / 10.0, (tenth + 1) / 10.0, right), .1, 1e-10) << tenth;
  if (law.mean > 1) {  // the twin: a wrong law shows
    EXPECT_GT(std::abs(expected_share(.9, 1, wrong) - .1), .02);
  }
}

// Values of 70 digits (fixtures/forecast/make_count_laws.py): means to 1e5, dispersions 0 to 1000,
// counts to 250,000. No cancellation on the way to Poisson, no overflow.
TEST(CountLaws, ExtremesEqualTheTable) {
  std::ifstream file(PRECINCT_SOURCE_DIR "/tests/fixtures/forecast/count_laws.csv");
  std::string line;
  int rows = 0, distributions = 0;
  while (std::getline(file, line)) {
    if (line.front() == '#' || line.front() == 'm') continue;
    std::istringstream fields(line);
    std::vector<std::string> field(5);
    for (std::string& text : field) std::getline(fields, text, ',');
    const double mean = std::atof(field[0].c_str()), dispersion = std::atof(field[1].c_str()),
                 wanted = std::atof(field[3].c_str());
    const auto y = static_cast<std::uint32_t>(std::atoll(field[2].c_str()));
    const double found = nll(kNb2, mean, dispersion, y);
    EXPECT_NEAR(found, wanted, 2e-13 * (10 + std::abs(wanted))) << line;
    if (dispersion == 0) {
      EXPECT_EQ(nll(kPoisson, mean, 0, y), found) << line;
    }
    ++rows;
    if (field[4].empty()) continue;
    EXPECT_NEAR(cdf(kNb2, mean, dispersion, y), std::atof(field[4].c_str()), 1e-11) << line;
    ++distributions;
  }
  EXPECT_GT(rows, 400);
  EXPECT_GT(distributions, 200);
}

TEST(CountLaws, MeansAtAndBelowTheLeastOneAreFinite) {
  for (const double mean : {1e-4, 1e-9, 0.0, -3.0}) {
    for (const double dispersion : {0.0, 1e-6, 1.0, 1e3}) {
      for (const std::uint32_t y : {0U, 1U, 500U}) {
        EXPECT_EQ(nll(kNb2, mean, dispersion, y), nll(kNb2, 1e-4, dispersion, y));
        EXPECT_TRUE(std::isfinite(nll(kNb2, mean, dispersion, y)));
        EXPECT_TRUE(std::isfinite(crps(kNb2, mean, dispersion, y)));
        EXPECT_GE(nll(kNb2, mean, dispersion, y), 0);
      }
      EXPECT_EQ(quantile(kNb2, mean, dispersion, .5), 0);
      EXPECT_LE(cdf(kNb2, mean, dispersion, 1'000'000), 1);
    }
  }
}

TEST(CountLaws, LargeMeansHaveTheirQuantilesWhereTheNormalLawHasThem) {
  // mean +- 1.6449 deviations, with the skew of a Poisson law (z^2 - 1) / 6 and half a count.
  EXPECT_NEAR(static_cast<double>(quantile(kPoisson, 1e5, 0, .95)),
              1e5 + 1.6449 * std::sqrt(1e5) + .28, 1);
  EXPECT_NEAR(static_cast<double>(quantile(kPoisson, 1e5, 0, .05)),
              1e5 - 1.6449 * std::sqrt(1e5) + .28, 1);
  // CRPS of a normal law at its mean: deviation * (sqrt(2) - 1) / sqrt(pi).
  EXPECT_NEAR(crps(kPoisson, 1e5, 0, 100'000) / (std::sqrt(1e5) * .233695), 1, 1e-3);
}

TEST(CountLaws, ACrpsFarInTheTailIsTheDistanceToTheBulk) {
  EXPECT_NEAR(crps(kPoisson, .5, 0, 1'000'000), 1e6 - .5, 1);
  EXPECT_NEAR(crps(kNb2, 2, .5, 100'000), 1e5 - 2, 2);
}

TEST(PointForecast, ScoresAreThoseOfAStepAtTheMean) {
  EXPECT_EQ(nll(Family::kPoint, 3, 0, 5), 2);
  EXPECT_EQ(crps(Family::kPoint, 3.5, 0, 5), 1.5);
  EXPECT_EQ(cdf(Family::kPoint, 3.5, 0, 3), 0);
  EXPECT_EQ(cdf(Family::kPoint, 3.5, 0, 4), 1);
  EXPECT_EQ(quantile(Family::kPoint, 3.4, 0, .05), 3);
  EXPECT_EQ(quantile(Family::kPoint, 3.4, 0, .95), 3);
}

TEST(Forecast, IndexIsRowMajorOverOriginStepNodeCategory) {
  Forecast forecast;
  forecast.origins = {10, 12};
  forecast.horizon = 3;
  forecast.num_nodes = 4;
  forecast.num_categories = 5;
  EXPECT_EQ(forecast.size(), 120);
  std::int64_t next = 0;
  for (std::int64_t o = 0; o < 2; ++o)
    for (std::int64_t h = 0; h < 3; ++h)
      for (std::int64_t n = 0; n < 4; ++n)
        for (std::int64_t c = 0; c < 5; ++c) EXPECT_EQ(forecast.index(o, h, n, c), next++);
}

}  // namespace
}  // namespace precinct::models
