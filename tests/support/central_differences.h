// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace precinct::test {

/// Largest error of autograd against central differences in double. An entry's error is taken
/// relative to the largest gradient of its own tensor, or to a hundredth of the largest of all,
/// where that is more.
///
/// variables: contiguous float64 leaves; at most `max_entries` of each are tried, evenly spread.
/// `loss` computes a scalar from them; `step` should not carry a ReLU over its kink.
template <typename Loss>
double gradient_error(std::vector<at::Tensor> variables, Loss loss, double step = 1e-6,
                      std::int64_t max_entries = 1 << 20) {
  const auto analytic = torch::autograd::grad({loss()}, variables, {}, false, false,
                                              /*allow_unused=*/true);
  std::vector<double> errors(variables.size(), 0.0), largest(variables.size(), 0.0);
  const at::NoGradGuard no_grad;
  for (std::size_t v = 0; v < variables.size(); ++v) {
    const at::Tensor data = variables[v].detach();
    const std::int64_t size = data.numel(), stride = std::max<std::int64_t>(1, size / max_entries);
    double* value = data.mutable_data_ptr<double>();
    const at::Tensor grad = analytic[v].defined() ? analytic[v].contiguous() : at::Tensor();
    for (std::int64_t i = 0; i < size; i += stride) {
      const double before = value[i];
      value[i] = before + step;
      const double up = loss().template item<double>();
      value[i] = before - step;
      const double down = loss().template item<double>();
      value[i] = before;
      const double numeric = (up - down) / (2 * step);
      const double mine = grad.defined() ? grad.const_data_ptr<double>()[i] : 0.0;
      errors[v] = std::max(errors[v], std::abs(numeric - mine));
      largest[v] = std::max(largest[v], std::abs(numeric));
    }
  }
  const double floor = std::max(1e-30, 0.01 * *std::max_element(largest.begin(), largest.end()));
  double worst = 0;
  for (std::size_t v = 0; v < variables.size(); ++v)
    worst = std::max(worst, errors[v] / std::max(largest[v], floor));
  return worst;
}

}  // namespace precinct::test
