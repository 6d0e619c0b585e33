// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "data/loader/split.h"
#include "data/panel.h"
#include "metrics/evaluation.h"
#include "models/forecast.h"

namespace precinct::train {

/// The range of a split by its name (validation, test, production); throws ConfigError.
data::BinRange range_named(const data::Split& split, const std::string& name);

/// Origins at which every forecaster of a configuration is scored on a range.
std::vector<std::int64_t> scoring_origins(const config::ExperimentConfig& config,
                                          const data::BinRange& range);

/// Fits the configured baselines once and forecasts from the origins; the reference is always among
/// them.
std::vector<metrics::NamedForecast> baseline_forecasts(const config::ExperimentConfig& config,
                                                       const data::Panel& panel,
                                                       const data::Split& split,
                                                       const std::vector<std::int64_t>& origins);

/// The metric table of forecasts on a range.
metrics::Evaluation evaluate_forecasts(const config::ExperimentConfig& config,
                                       const data::Panel& panel, const data::Split& split,
                                       const std::string& range_name,
                                       const std::vector<metrics::NamedForecast>& forecasts);

/// How much an anchored network may be worse than its anchor before a run counts as failed, in NLL.
inline constexpr double kAnchorTolerance = 0.003;

/// Throws NumericError with both figures when `name`'s NLL is over gamma-Poisson's by more than the
/// tolerance; does nothing for a network without anchor or distribution.
void require_anchor_kept(const config::ExperimentConfig& config,
                         const metrics::Evaluation& evaluation, const std::string& name);

}  // namespace precinct::train
