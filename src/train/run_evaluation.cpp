// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/run_evaluation.h"

#include <algorithm>

#include "base/error.h"
#include "models/baselines/registry.h"

namespace precinct::train {

data::BinRange range_named(const data::Split& split, const std::string& name) {
  const data::BinRange range = name == "validation" ? split.validation
                               : name == "test"     ? split.test
                                                    : split.production;
  PRECINCT_CHECK(
      (name == "validation" || name == "test" || name == "production") && range.size() > 0,
      ConfigError,
      "--split: expected validation, test or a production part that the split has, found '{}'; "
      "choose one "
      "of them",
      name);
  return range;
}

std::vector<std::int64_t> scoring_origins(const config::ExperimentConfig& config,
                                          const data::BinRange& range) {
  return metrics::evaluation_origins(range, config.data.horizon, config.evaluate.stride,
                                     config.data.lookback);
}

std::vector<metrics::NamedForecast> baseline_forecasts(const config::ExperimentConfig& config,
                                                       const data::Panel& panel,
                                                       const data::Split& split,
                                                       const std::vector<std::int64_t>& origins) {
  auto names = config.evaluate.baselines;
  for (const std::string& name : {config.evaluate.reference, std::string("gamma_poisson")})
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  std::vector<metrics::NamedForecast> forecasts;
  for (const auto& name : names) {
    const auto baseline = models::make_baseline(name);
    baseline->fit(panel, split);
    forecasts.push_back(
        {name, /*is_baseline=*/true, baseline->predict(panel, origins, config.data.horizon)});
  }
  return forecasts;
}

metrics::Evaluation evaluate_forecasts(const config::ExperimentConfig& config,
                                       const data::Panel& panel, const data::Split& split,
                                       const std::string& range_name,
                                       const std::vector<metrics::NamedForecast>& forecasts) {
  return metrics::evaluate(panel, range_named(split, range_name), range_name, split.train,
                           forecasts, config.evaluate);
}

void require_anchor_kept(const config::ExperimentConfig& config,
                         const metrics::Evaluation& evaluation, const std::string& name) {
  if (config.head.anchor != "history" || config.head.name == "point") return;
  const double mine = evaluation.get(name).total.at("NLL"),
               anchor = evaluation.get("gamma_poisson").total.at("NLL");
  PRECINCT_CHECK(mine <= anchor + kAnchorTolerance, NumericError,
                 "{}: NLL on the test range: expected at most {:.4f} (gamma_poisson + {}), found "
                 "{:.4f}; lower "
                 "train.optimizer.lr or train longer",
                 name, anchor + kAnchorTolerance, kAnchorTolerance, mine);
}

}  // namespace precinct::train
