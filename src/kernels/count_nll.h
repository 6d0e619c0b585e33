// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace precinct::kernels {

/// Sum over observed cells of the negative log likelihood of counts, with its constants.
///
/// With a dispersion: negative binomial in NB2 form (Var = mean + alpha mean^2), alpha =
/// exp(clamp(s, log 1e-6, log 1e3)), s = log_dispersion, whose slope is 1 inside and 0 outside:
///   log p(y) = sum_{k<y} log1p(alpha k) + y log mu - (y + 1/alpha) log1p(alpha mu) - log y!
/// (the sum directly for y < 32, above that a Stirling difference); alpha -> 0 goes to Poisson
/// without cancellation. Without one: Poisson. Finite for mean -> 0 when y = 0.
///
/// log_mean, log_dispersion, target: [..., C], same shape, float32|float64, any device; target >=
/// 0. observed: shape of target without its last dimension, 0|1; absent = all observed. Returns a
/// scalar of log_mean's type, summed in double in a fixed order whatever the number of threads.
/// Differentiable once in log_mean and log_dispersion; one pass yields value and gradient. Throws
/// c10::Error on shape mismatch. Autocast: runs in float32.
at::Tensor count_nll(const at::Tensor& log_mean, const std::optional<at::Tensor>& log_dispersion,
                     const at::Tensor& target, const std::optional<at::Tensor>& observed);

/// The same from ATen operators with lgamma, differentiable by autograd: the test reference. Use
/// float64: lgamma(1/alpha) cancels in float32.
at::Tensor count_nll_reference(const at::Tensor& log_mean,
                               const std::optional<at::Tensor>& log_dispersion,
                               const at::Tensor& target, const std::optional<at::Tensor>& observed);

inline constexpr double kMinDispersion = 1e-6;
inline constexpr double kMaxDispersion = 1e3;

}  // namespace precinct::kernels
