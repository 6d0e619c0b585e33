// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/count_nll.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>

#include "tests/support/central_differences.h"

namespace precinct::kernels {
namespace {

using OptionalTensor = std::optional<at::Tensor>;
const double kLow = std::log(kMinDispersion), kHigh = std::log(kMaxDispersion);

/// NB2 by log-gammas, in 64 bits of mantissa.
long double formula(double log_mean, double log_dispersion, long double y) {
  const long double r = std::exp(-static_cast<long double>(log_dispersion)),
                    mean = std::exp(static_cast<long double>(log_mean));
  return std::lgamma(r) + std::lgamma(y + 1) - std::lgamma(y + r) + r * std::log1p(mean / r) +
         y * (std::log(r + mean) -
              (y > 0 ? static_cast<long double>(log_mean) : std::log(mean + r)));
}

long double poisson_formula(double log_mean, long double y) {
  return std::exp(static_cast<long double>(log_mean)) - y * static_cast<long double>(log_mean) +
         std::lgamma(y + 1);
}

/// d formula / d log_dispersion from the sum over k < y.
long double dispersion_slope(double log_mean, double log_dispersion, std::int64_t y) {
  const long double alpha = std::exp(static_cast<long double>(log_dispersion)),
                    mean = std::exp(static_cast<long double>(log_mean)), x = alpha * mean;
  long double sum = 0;
  for (std::int64_t k = 0; k < y; ++k) sum += alpha * k / (1 + alpha * k);
  const long double tail =  // log1p(x) / x - 1 / (1 + x)
      x > 1e-4L ? std::log1p(x) / x - 1 / (1 + x)
                : x / 2 - 2 * x * x / 3 + 3 * x * x * x / 4 - 4 * x * x * x * x / 5;
  return -(sum + mean * tail - static_cast<long double>(y) * x / (1 + x));
}

at::Tensor cell(double value, at::ScalarType type = at::kDouble) {
  return at::full({1, 1}, value, at::TensorOptions(type));
}

struct Cell {
  double nll = 0, d_mean = 0, d_dispersion = 0;
};

/// Value and gradients of one cell by the operator.
Cell cell_of(double log_mean, double log_dispersion, double y) {
  const at::Tensor m = cell(log_mean).requires_grad_(), s = cell(log_dispersion).requires_grad_();
  const at::Tensor loss = count_nll(m, s, cell(y), {});
  const auto grads = torch::autograd::grad({loss}, {m, s});
  return {loss.item<double>(), grads[0].item<double>(), grads[1].item<double>()};
}

double drawn(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

TEST(CountNll, EqualsTheLogGammaFormulaOverWideRanges) {
  std::cout << "seed 21\n";
  std::mt19937_64 random(21);
  for (int round = 0; round < 4000; ++round) {
    const double m = drawn(random, -20, 9), s = drawn(random, kLow, kHigh);
    const double largest[] = {2, 33, 300, 5000};
    const double y = std::floor(drawn(random, 0, largest[round % 4]));
    const double expected = static_cast<double>(formula(m, s, y));
    const double nll = count_nll(cell(m), cell(s), cell(y), {}).item<double>();
    // the series above 32 is cut at 2e-11
    ASSERT_NEAR(nll, expected, (y <= 32 ? 2e-12 : 5e-11) * (1 + std::abs(expected)))
        << "log_mean " << m << " log_dispersion " << s << " y " << y;
    const double poisson = static_cast<double>(poisson_formula(m, y));
    ASSERT_NEAR(count_nll(cell(m), {}, cell(y), {}).item<double>(), poisson,
                1e-12 * (1 + std::abs(poisson)) + 1e-12 * std::abs(y * m))
        << "log_mean " << m << " y " << y;
  }
}

TEST(CountNll, Float32KeepsItsDigitsWhereLogGammaWouldCancel) {
  std::mt19937_64 random(22);
  for (int round = 0; round < 500; ++round) {
    const auto m = static_cast<float>(drawn(random, -8, 4)),
               s = static_cast<float>(drawn(random, kLow + 0.01, 2));
    const double y = std::floor(drawn(random, 0, 60));
    const double expected = static_cast<double>(formula(m, s, y));
    const at::Tensor nll =
        count_nll(cell(m, at::kFloat), cell(s, at::kFloat), cell(y, at::kFloat), {});
    ASSERT_EQ(nll.scalar_type(), at::kFloat);
    ASSERT_NEAR(nll.item<double>(), expected, 1e-6 * (1 + std::abs(expected))) << m << " " << s;
  }
}

TEST(CountNll, GradientsAgreeWithTheFormulasDerivatives) {
  std::mt19937_64 random(23);
  for (int round = 0; round < 3000; ++round) {
    const double m = drawn(random, -12, 8), s = drawn(random, kLow + 1e-9, kHigh - 1e-9);
    const double largest[] = {2, 33, 300, 3000};
    const double y = std::floor(drawn(random, 0, largest[round % 4]));
    const Cell mine = cell_of(m, s, y);
    const double mean = std::exp(m), d_mean = (mean - y) / (1 + std::exp(s) * mean);
    ASSERT_NEAR(mine.d_mean, d_mean, 1e-12 * (1 + std::abs(d_mean)));
    const auto slope = static_cast<double>(dispersion_slope(m, s, static_cast<std::int64_t>(y)));
    ASSERT_NEAR(mine.d_dispersion, slope, 1e-9 * std::abs(slope) + 1e-12 * (y + mean))
        << "log_mean " << m << " log_dispersion " << s << " y " << y;
  }
}

TEST(CountNll, GradientsAgreeWithCentralDifferences) {
  std::cout << "seed 24\n";
  std::mt19937_64 random(24);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t rows = 1 + static_cast<std::int64_t>(random() % 4), categories = 3;
    auto generator = at::detail::createCPUGenerator(random());
    const at::TensorOptions options(at::kDouble);
    const at::Tensor m = at::randn({rows, categories}, generator, options).requires_grad_();
    const at::Tensor s =
        (at::randn({rows, categories}, generator, options) * 1.5).detach().requires_grad_();
    const at::Tensor y = at::poisson(at::full({rows, categories}, 2.0, options), generator) *
                         static_cast<double>(round % 5 == 0 ? 20 : 1);
    const at::Tensor seen = (at::rand({rows}, generator, options) > 0.3).to(at::kDouble);
    EXPECT_LE(test::gradient_error({m, s}, [&] { return count_nll(m, s, y, seen); }), 1e-6);
    EXPECT_LE(test::gradient_error({m}, [&] { return count_nll(m, {}, y, seen); }), 1e-6);
  }
}

TEST(CountNll, SlopeIsOneInsideTheClampsAndZeroOutside) {
  for (const double y : {0.0, 1.0, 7.0, 40.0, 400.0}) {
    for (const double m : {-3.0, 0.5, 4.0}) {
      for (const double edge : {kLow, kHigh}) {
        const double outwards = edge == kLow ? -1 : 1;
        const Cell at_edge = cell_of(m, edge, y);
        for (const double beyond : {1e-6, 0.5, 30.0, 1e4}) {
          const Cell outside = cell_of(m, edge + outwards * beyond, y);
          EXPECT_EQ(outside.nll, at_edge.nll);
          EXPECT_EQ(outside.d_dispersion, 0);
          EXPECT_EQ(outside.d_mean, at_edge.d_mean);
        }
        // just inside: the formula's own slope, and central differences see it
        const double s = edge - outwards * 1e-3;
        const auto slope =
            static_cast<double>(dispersion_slope(m, s, static_cast<std::int64_t>(y)));
        const Cell inside = cell_of(m, s, y);
        EXPECT_NEAR(inside.d_dispersion, slope, 1e-9 * std::abs(slope) + 1e-12 * (y + std::exp(m)));
        const double step = 1e-4;
        const double numeric = (count_nll(cell(m), cell(s + step), cell(y), {}) -
                                count_nll(cell(m), cell(s - step), cell(y), {}))
                                   .item<double>() /
                               (2 * step);
        const double scale = std::max({std::abs(numeric), std::abs(inside.d_mean), 1e-3});
        EXPECT_NEAR(inside.d_dispersion, numeric, 1e-6 * scale) << y << " " << m << " " << edge;
        const at::Tensor mean = cell(m).requires_grad_();
        EXPECT_LE(test::gradient_error(
                      {mean}, [&] { return count_nll(mean, cell(edge), cell(y), {}); }, 1e-3),
                  1e-6);
      }
    }
  }
}

TEST(CountNll, DispersionToZeroIsPoissonWithoutCancellation) {
  std::mt19937_64 random(25);
  for (int round = 0; round < 500; ++round) {
    const double m = drawn(random, -6, 4), y = std::floor(drawn(random, 0, round % 2 ? 8 : 120));
    const double mean = std::exp(m), alpha = kMinDispersion;
    const double poisson = count_nll(cell(m), {}, cell(y), {}).item<double>();
    // first order in alpha: NB2 - Poisson = -(alpha / 2) ((y - mean)^2 - y) + O(alpha^2)
    const double first_order = -alpha / 2 * ((y - mean) * (y - mean) - y);
    const double cube = std::pow(y + mean + 1, 3);
    EXPECT_NEAR(cell_of(m, kLow - 5, y).nll - poisson, first_order, alpha * alpha * cube + 1e-11);
    EXPECT_NEAR(cell_of(m, kLow, y).d_dispersion, first_order, alpha * alpha * cube + 1e-11);
  }
}

TEST(CountNll, MeanToZeroIsFiniteWhenNothingHappened) {
  const double nothing = -std::numeric_limits<double>::infinity();
  for (const double m : {-20.0, -60.0, -300.0, -700.0, -1e4, nothing}) {
    for (const double s : {kLow - 1, kLow, -0.7, kHigh, kHigh + 1}) {
      const Cell mine = cell_of(m, s, 0);
      const double alpha = std::exp(std::clamp(s, kLow, kHigh));
      const double expected = std::log1p(alpha * std::exp(m)) / alpha;
      EXPECT_NEAR(mine.nll, expected, 1e-12 * expected);
      EXPECT_NEAR(mine.d_mean, std::exp(m), 1e-5 * std::exp(m));
      EXPECT_NEAR(mine.d_dispersion, 0, 1e-12);
      EXPECT_TRUE(std::isfinite(mine.nll) && std::isfinite(mine.d_dispersion));
    }
    const at::Tensor mean = cell(m).requires_grad_();
    const at::Tensor loss = count_nll(mean, {}, cell(0), {});
    EXPECT_EQ(loss.item<double>(), std::exp(m));
    EXPECT_EQ(torch::autograd::grad({loss}, {mean})[0].item<double>(), std::exp(m));
  }
  // one that happened all the same: finite, and the slope says how wrong it was
  const Cell surprise = cell_of(-60, -0.7, 3);
  EXPECT_NEAR(surprise.nll, static_cast<double>(formula(-60, -0.7, 3)), 1e-9);
  EXPECT_NEAR(surprise.d_mean, -3, 1e-12);
  for (const double y : {0.0, 3.0}) {
    const at::Tensor m = cell(-9).requires_grad_(), s = cell(-0.7).requires_grad_();
    EXPECT_LE(test::gradient_error(
                  {m}, [&] { return count_nll(m, s, cell(y), {}); }, 1e-4),
              1e-6);
  }
}

TEST(CountNll, UnobservedCellsHaveNeitherValueNorGradient) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::mt19937_64 random(26);
  for (int round = 0; round < 200; ++round) {
    auto generator = at::detail::createCPUGenerator(random());
    const at::TensorOptions options(at::kDouble);
    const at::Tensor seen = (at::rand({5, 4}, generator, options) > 0.4).to(at::kDouble);
    const at::Tensor gone = seen.unsqueeze(-1).expand({5, 4, 2}) == 0;
    const at::Tensor m = at::randn({5, 4, 2}, generator, options),
                     s = at::randn({5, 4, 2}, generator, options);
    const at::Tensor y = at::poisson(at::ones({5, 4, 2}, options), generator);
    const auto run = [&](const at::Tensor& fill, bool poisson) {
      const at::Tensor mean = at::where(gone, fill, m).requires_grad_();
      const at::Tensor dispersion = at::where(gone, fill, s).requires_grad_();
      const OptionalTensor alpha = poisson ? OptionalTensor() : OptionalTensor(dispersion);
      const at::Tensor loss = count_nll(mean, alpha, at::where(gone, fill, y), seen);
      auto grads = torch::autograd::grad({loss}, {mean, dispersion}, {}, std::nullopt, false, true);
      grads.push_back(loss);
      return grads;
    };
    for (const bool poisson : {false, true}) {
      const auto plain = run(at::zeros({}, options), poisson);
      const auto spoilt = run(at::full({}, round % 2 ? nan : 1e300, options), poisson);
      for (std::size_t i = 0; i < plain.size(); ++i) {
        if (!plain[i].defined()) continue;
        EXPECT_TRUE(at::equal(plain[i], spoilt[i])) << i;
        if (i < 2) {
          EXPECT_EQ(spoilt[i].masked_select(gone).abs().sum().item<double>(), 0);
        }
      }
    }
  }
}

// The form that devices without a kernel of their own run: asked for by another device's key.
TEST(CountNll, ReferenceAndFormOfOtherDevicesAreTheSame) {
  using Triple = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
  const auto op = c10::Dispatcher::singleton()
                      .findSchemaOrThrow("precinct::count_nll_with_grad", "")
                      .typed<Triple(const at::Tensor&, const OptionalTensor&, const at::Tensor&,
                                    const OptionalTensor&, bool)>();
  const c10::DispatchKeySet other(c10::DispatchKey::XPU);
  for (const bool poisson : {false, true}) {
    const at::Tensor m = at::randn({40, 3, 2}, at::kDouble);
    OptionalTensor s;  // log-gammas of 1/alpha cancel below this
    if (!poisson) s = at::randn({40, 3, 2}, at::kDouble).clamp(-6, 6) * 1.5;
    const at::Tensor y = at::poisson(at::full({40, 3, 2}, 9.0, at::kDouble)) * 4;
    const at::Tensor seen = (at::rand({40, 3}) > 0.3).to(at::kDouble);
    const auto [value, d_mean, d_dispersion] = op.call(m, s, y, seen, true);
    const auto [value_2, d_mean_2, d_dispersion_2] = op.redispatch(other, m, s, y, seen, true);
    const double size = std::abs(value.item<double>());
    EXPECT_NEAR(value.item<double>(), value_2.item<double>(), 1e-10 * size);
    EXPECT_NEAR(value.item<double>(), count_nll_reference(m, s, y, seen).item<double>(),
                1e-10 * size);
    EXPECT_TRUE(at::allclose(d_mean, d_mean_2, 1e-9, 1e-9));
    EXPECT_EQ(d_dispersion.defined(), !poisson);
    if (!poisson) {
      EXPECT_TRUE(at::allclose(d_dispersion, d_dispersion_2, 1e-8, 1e-8));
    }
    EXPECT_FALSE(std::get<1>(op.redispatch(other, m, s, y, seen, false)).defined());
  }
}

TEST(CountNll, ThreadsChangeNoBitAndAutocastRunsInFloat32) {
  const at::Tensor m = at::randn({30000, 2}), s = at::randn({30000, 2}),
                   y = at::poisson(at::ones({30000, 2}));
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = count_nll(m, s, y, {});
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(one, count_nll(m, s, y, {})));
  at::set_num_threads(before);
  const at::Tensor half = m.to(at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const at::Tensor loss = count_nll(half, s, y, {});
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(loss, count_nll(half.to(at::kFloat), s, y, {})));
}

TEST(CountNll, WrongShapesAndSecondDerivativesAreRefused) {
  const at::Tensor m = at::zeros({2, 3}, at::kDouble).requires_grad_();
  EXPECT_THROW(count_nll(m, {}, at::zeros({3, 2}), {}), c10::Error);
  EXPECT_THROW(count_nll(m, at::zeros({2}), at::zeros({2, 3}), {}), c10::Error);
  EXPECT_THROW(count_nll(m, {}, at::zeros({2, 3}), at::ones({2, 3})), c10::Error);
  try {
    torch::autograd::grad({count_nll(m, {}, at::zeros({2, 3}, at::kDouble), {})}, {m}, {}, true,
                          /*create_graph=*/true);
    FAIL() << "expected an error that names the operator";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("precinct::count_nll: double backward"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace precinct::kernels
