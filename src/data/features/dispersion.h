// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace precinct::data {

/// Negative log likelihood of NB2 without the term log y!; mean > 0, dispersion >= 0 (0 is
/// Poisson).
double nb2_loss(double mean, double dispersion, double y);

/// Dispersion that maximises the NB2 likelihood of counts given their means: a golden-section
/// search on its logarithm in [1e-6, 1e3] to 1e-4. Spans are equally long; an empty span gives
/// 1e-6.
double fit_dispersion(std::span<const double> mean, std::span<const double> count);

}  // namespace precinct::data
