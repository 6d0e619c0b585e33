// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/count_nll.h"

namespace precinct::kernels {
namespace {

constexpr int kDirect = 32;  // terms of the rising factorial that are summed one by one
constexpr std::int64_t kBlock =
    2048;  // cells whose sum is one partial: fixed, so threads change no bit

struct Cell {
  double nll = 0;
  double d_log_mean = 0;
  double d_log_dispersion = 0;
};

double log_factorial(double y) {
  static const std::vector<double> table = [] {
    std::vector<double> values(256);
    for (int k = 2; k < 256; ++k) values[k] = values[k - 1] + std::log(static_cast<double>(k));
    return values;
  }();
  if (y < 256 && y == std::floor(y)) return table[static_cast<std::size_t>(y)];
  // Stirling: the argument is above 256, or the target is no integer
  const double z = y + 1;
  if (z < 16) return std::lgamma(z);
  return (z - 0.5) * std::log(z) - z + 0.5 * std::log(2 * std::numbers::pi) + 1 / (12 * z) -
         1 / (360 * z * z * z);
}

Cell poisson_cell(double log_mean, double y) {
  const double mean = std::exp(log_mean);
  const double y_log_mean = y > 0 ? y * log_mean : 0;
  return {mean - y_log_mean + log_factorial(y), mean - y, 0};
}

// sum_{k<y} log1p(alpha k) and its derivative in log alpha, sum_{k<y} alpha k / (1 + alpha k).
std::pair<double, double> rising_factorial(double alpha, double y) {
  double value = 0, slope = 0;
  const int direct = static_cast<int>(std::min<double>(y, kDirect));
  for (int k = 1; k < direct; ++k) {
    const double x = alpha * k;
    value += std::log1p(x);
    slope += x / (1 + x);
  }
  if (y <= kDirect) return {value, slope};
  // k = 32 .. y-1: log Gamma(z + n) - log Gamma(z) with z = 1/alpha + 32 by Stirling, n log alpha
  // added
  const double r = 1 / alpha, z = r + kDirect, n = y - kDirect, w = z + n;
  const auto correction = [](double t) { return 1 / (12 * t) - 1 / (360 * t * t * t); };
  value +=
      (z - 0.5) * std::log1p(n / z) - n + n * std::log1p(alpha * y) + correction(w) - correction(z);
  // digamma(w) - digamma(z), the same way
  const auto tail = [](double t) { return -1 / (12 * t * t) + 1 / (120 * t * t * t * t); };
  slope += n - r * (std::log1p(n / z) + n / (2 * z * w) + tail(w) - tail(z));
  return {value, slope};
}

// log1p(x)/x - 1/(1+x) = x/2 - 2x^2/3 + 3x^3/4 - ...: the difference cancels for small x.
double log_minus_ratio(double x, double log1p_x) {
  if (x > 1e-3) return log1p_x / x - 1 / (1 + x);
  return x * (0.5 - x * (2.0 / 3 - x * (0.75 - x * (0.8 - x * (5.0 / 6)))));
}

Cell negative_binomial_cell(double log_mean, double log_dispersion, double y) {
  static const double low = std::log(kMinDispersion), high = std::log(kMaxDispersion);
  const double alpha = std::exp(std::clamp(log_dispersion, low, high));
  const double mean = std::exp(log_mean);
  const double x = alpha * mean, log1p_x = std::log1p(x);
  const auto [rising, rising_slope] = rising_factorial(alpha, y);
  const double y_log_mean = y > 0 ? y * log_mean : 0;
  Cell cell;
  cell.nll = -(rising + y_log_mean - y * log1p_x - log1p_x / alpha - log_factorial(y));
  cell.d_log_mean = (mean - y) / (1 + x);
  if (log_dispersion >= low && log_dispersion <= high)
    cell.d_log_dispersion = -(rising_slope + mean * log_minus_ratio(x, log1p_x) - y * x / (1 + x));
  return cell;
}

template <typename T>
struct Arguments {
  const T* log_mean;
  const T* log_dispersion;  // null: Poisson
  const T* target;
  const T* observed;  // null: all
  std::int64_t num_categories;
  T* grad_mean;  // null: value only
  T* grad_dispersion;
};

template <typename T>
double sum_cells(const Arguments<T>& a, std::int64_t begin, std::int64_t end) {
  double sum = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    Cell cell;
    if (!a.observed || a.observed[i / a.num_categories] > 0) {
      cell = a.log_dispersion
                 ? negative_binomial_cell(a.log_mean[i], a.log_dispersion[i], a.target[i])
                 : poisson_cell(a.log_mean[i], a.target[i]);
    }
    sum += cell.nll;
    if (a.grad_mean) a.grad_mean[i] = static_cast<T>(cell.d_log_mean);
    if (a.grad_dispersion) a.grad_dispersion[i] = static_cast<T>(cell.d_log_dispersion);
  }
  return sum;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> count_nll_cpu(
    const at::Tensor& log_mean, const std::optional<at::Tensor>& log_dispersion,
    const at::Tensor& target, const std::optional<at::Tensor>& observed, bool want_grad) {
  TORCH_CHECK(log_mean.sizes() == target.sizes(),
              "count_nll: log_mean: expected the target's shape ", target.sizes(), ", found ",
              log_mean.sizes());
  TORCH_CHECK(!log_dispersion || log_dispersion->sizes() == target.sizes(),
              "count_nll: log_dispersion: expected the target's shape ", target.sizes(), ", found ",
              log_dispersion->sizes());
  TORCH_CHECK(!observed || observed->sizes() == target.sizes().slice(0, target.dim() - 1),
              "count_nll: observed: expected the target's shape without its last dimension, found ",
              observed->sizes(), " for target ", target.sizes());
  const auto type = log_mean.scalar_type();
  const at::Tensor m = log_mean.contiguous(), y = target.to(type).contiguous();
  at::Tensor s, seen, grad_mean, grad_dispersion;
  if (log_dispersion) s = log_dispersion->to(type).contiguous();
  if (observed) seen = observed->to(type).contiguous();
  if (want_grad) {
    grad_mean = at::empty_like(m);
    if (s.defined()) grad_dispersion = at::empty_like(m);
  }
  const std::int64_t size = m.numel(), num_blocks = (size + kBlock - 1) / kBlock;
  std::vector<double> partial(static_cast<std::size_t>(num_blocks), 0.0);
  AT_DISPATCH_FLOATING_TYPES(type, "count_nll", [&] {
    const auto pointer = [](const at::Tensor& x) {
      return x.defined() ? x.data_ptr<scalar_t>() : static_cast<scalar_t*>(nullptr);
    };
    const Arguments<scalar_t> arguments{pointer(m),
                                        pointer(s),
                                        pointer(y),
                                        pointer(seen),
                                        std::max<std::int64_t>(target.size(-1), 1),
                                        pointer(grad_mean),
                                        pointer(grad_dispersion)};
    at::parallel_for(0, num_blocks, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t b = first; b < last; ++b)
        partial[static_cast<std::size_t>(b)] =
            sum_cells(arguments, b * kBlock, std::min(size, (b + 1) * kBlock));
    });
  });
  double sum = 0;
  for (const double value : partial) sum += value;
  return {at::scalar_tensor(sum, m.options()), grad_mean, grad_dispersion};
}

}  // namespace

TORCH_LIBRARY_IMPL(precinct, CPU, m) { m.impl("count_nll_with_grad", count_nll_cpu); }

}  // namespace precinct::kernels
