// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/registry.h"

#include <fmt/ranges.h>

#include "base/error.h"
#include "models/baselines/gamma_poisson_baseline.h"
#include "models/baselines/simple_means.h"

namespace precinct::models {

std::vector<std::string> baseline_names() {
  return {"last_value",         "seasonal_naive", "historical_mean",    "moving_average_28",
          "moving_average_365", "ewma",           "share_level_season", "gamma_poisson"};
}

std::unique_ptr<Forecaster> make_baseline(const std::string& name) {
  if (name == "last_value") return std::make_unique<LastValue>();
  if (name == "seasonal_naive") return std::make_unique<SeasonalNaive>();
  if (name == "historical_mean") return std::make_unique<HistoricalMean>();
  if (name == "moving_average_28") return std::make_unique<MovingAverage>(name, 28);
  if (name == "moving_average_365") return std::make_unique<MovingAverage>(name, 365);
  if (name == "ewma") return std::make_unique<ExponentialMean>();
  if (name == "share_level_season") return std::make_unique<ShareLevelSeason>();
  if (name == "gamma_poisson") return std::make_unique<GammaPoissonBaseline>();
  throw ConfigError(fmt::format("evaluate.baselines: expected one of {}, found '{}'",
                                fmt::join(baseline_names(), ", "), name));
}

}  // namespace precinct::models
