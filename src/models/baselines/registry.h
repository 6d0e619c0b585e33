// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/forecast.h"

namespace precinct::models {

/// Names of the baselines, in the order of their complexity.
std::vector<std::string> baseline_names();

/// Throws ConfigError with the known names.
std::unique_ptr<Forecaster> make_baseline(const std::string& name);

}  // namespace precinct::models
