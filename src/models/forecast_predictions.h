// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/panel.h"
#include "models/forecast.h"

namespace precinct::models {

/// Writes every forecaster's forecasts of the same origins, so that each score can be recomputed
/// outside: /origins i64 [O], /observed_counts f32 [O, H, N, C] (NaN where not observed or beyond
/// the panel), per forecaster /<name>/mean and, for NB2, /<name>/dispersion f32 [O, H, N, C] with
/// attribute family; /districts, /categories. Atomically. Throws IoError.
void write_predictions(const std::filesystem::path& path, const data::Panel& panel,
                       const std::vector<std::pair<std::string, const Forecast*>>& forecasts);

}  // namespace precinct::models
