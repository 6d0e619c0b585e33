// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/train_config.h"
#include "data/loader/split.h"
#include "data/panel.h"
#include "metrics/bootstrap.h"
#include "models/forecast.h"

namespace precinct::metrics {

using Figures = std::map<std::string, double>;

/// What a network's epoch was chosen by, before it saw the test range: the best score on the
/// validation range, or on the four blocks. Networks are picked by it, never by the test range.
struct Choice {
  std::string metric;  // "val/NLL"
  double value = 0;
  double epoch = 0;
};

/// All scores of one forecaster on one range.
struct ForecasterScores {
  std::string name;
  std::string family;  // "point", "poisson", "negative_binomial"
  bool is_baseline = false;
  Figures total;                      // all observed cells
  Figures masked;                     // cells with a true count > 0, as some papers score
  std::vector<Figures> per_horizon;   // [H]
  std::vector<Figures> per_category;  // [C]
  std::vector<Figures> per_district;  // [N]
  std::array<double, 10> pit{};
  Skill skill;                   // against the reference, by `score`
  std::string score;             // "NLL", or "MSE" where one of both is a point forecast
  std::string verdict;           // a sentence: better, no better, worse than the reference
  std::optional<Choice> choice;  // networks alone
  // Sums over the cells of an origin, for the bootstrap; not in the JSON.
  std::vector<double> nll_per_origin, squared_per_origin;
};

/// One metric table: every forecaster on the same cells. JSON (evaluation.json):
///   {"range": {"begin", "end", "name"}, "horizon", "num_cells", "reference", "bootstrap":
///   {"block", "replicates", "seed"},
///    "forecasters": [{"name", "family", "baseline": bool, "total": {figure: value}, "masked":
///    {...}, "per_horizon": [{...}],
///      "per_category": {code: {...}}, "per_district": {code: {...}}, "pit": [10 shares],
///      "skill": {"value", "low", "high", "score"}, "verdict", "choice": {"metric", "value",
///      "epoch"} of networks}],
///    "picked": name of the network with the best choice, null without networks}
struct Evaluation {
  data::BinRange range;
  std::string range_name;
  std::int64_t horizon = 0;
  std::int64_t num_cells = 0;  // scored cells of one forecaster
  std::string reference;
  std::int64_t bootstrap_block = 7, bootstrap_replicates = 2000;
  std::uint64_t bootstrap_seed = 1;
  std::vector<std::string> categories, districts;
  std::vector<ForecasterScores> forecasters;

  const ForecasterScores& get(const std::string& name) const;
  /// The network whose choice has the smallest value; null when none has one.
  const ForecasterScores* picked() const;
  nlohmann::json to_json() const;
  /// "forecaster,part,key,figure,value", one row a figure; parts: total, masked, skill (key: its
  /// score), horizon, category, district.
  std::string to_csv() const;
  /// A table for people: models first, then the first, the best and the reference baseline, or all
  /// of them.
  std::string to_text(bool all_baselines) const;
};

/// Origins whose forecasts reach into `range`: every target of the range at each horizon step.
std::vector<std::int64_t> evaluation_origins(const data::BinRange& range, std::int64_t horizon,
                                             std::int64_t stride, std::int64_t first_possible);

/// One forecaster's forecasts, made from evaluation_origins().
struct NamedForecast {
  std::string name;
  bool is_baseline = false;
  models::Forecast forecast;
  std::optional<Choice> choice = {};
};

/// {"name", "choice": {"metric", "value", "epoch"}}
nlohmann::json to_json(const std::string& name, const Choice& choice);

/// The choice of the network in an evaluation that was written as JSON; nothing when it has none.
std::optional<Choice> choice_in(const nlohmann::json& evaluation);

/// Scores forecasts by (target, horizon) over all observed cells whose target lies in `range`. All
/// forecasts have the same origins and shape. `training` gives the scale of MASE. Throws DataError
/// without origins, ShapeError for other shapes, NumericError for parameters that are not finite.
Evaluation evaluate(const data::Panel& panel, const data::BinRange& range,
                    const std::string& range_name, const data::BinRange& training,
                    const std::vector<NamedForecast>& forecasts,
                    const config::EvaluateConfig& config);

std::string family_name(models::Family family);

}  // namespace precinct::metrics
