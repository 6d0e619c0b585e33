// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace precinct::test {

/// One row of a made evaluation.json; a network when `skill` is given with its interval.
struct MadeScore {
  std::string name;
  bool is_baseline = false;
  double nll = 0, skill = 0, low = 0, high = 0;
};

/// An evaluation as metrics::Evaluation::to_json() writes it, with the figures that a page shows.
inline nlohmann::json made_evaluation(const std::vector<MadeScore>& scores,
                                      const nlohmann::json& picked = nullptr) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& s : scores) {
    const nlohmann::json figures = {
        {"NLL", s.nll}, {"CRPS", .1}, {"MAE", .19}, {"RMSE", .37}, {"PIT_coverage_90", .9}};
    list.push_back(
        {{"name", s.name},
         {"family", "negative_binomial"},
         {"baseline", s.is_baseline},
         {"total", figures},
         {"per_category", {{"Person", figures}, {"Property", figures}}},
         {"per_horizon", {figures, figures, figures}},
         {"pit", {.1, .1, .1, .1, .1, .1, .1, .1, .1, .1}},
         {"skill", {{"value", s.skill}, {"low", s.low}, {"high", s.high}, {"score", "NLL"}}},
         {"verdict", s.low <= 0 && s.high >= 0 ? "no better than gamma_poisson"
                     : s.low > 0               ? "better than gamma_poisson"
                                               : "worse than gamma_poisson"}});
  }
  return {{"range", {{"begin", 96}, {"end", 120}, {"name", "test"}}},
          {"horizon", 3},
          {"num_cells", 14634},
          {"reference", "gamma_poisson"},
          {"forecasters", list},
          {"picked", picked}};
}

}  // namespace precinct::test
