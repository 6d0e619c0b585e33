// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/early_stop.h"

#include <nlohmann/json.hpp>

namespace precinct::train {

bool EarlyStop::observe(double score, double epoch, std::int64_t step) {
  if (!(score < best_ - config_.min_delta) && has_best()) {
    ++without_improvement_;
    return false;
  }
  best_ = score;
  best_epoch_ = epoch;
  best_step_ = step;
  without_improvement_ = 0;
  return true;
}

nlohmann::json EarlyStop::state() const {
  if (!has_best()) return nlohmann::json::object();
  return {{"best", best_},
          {"best_epoch", best_epoch_},
          {"best_step", best_step_},
          {"without_improvement", without_improvement_}};
}

void EarlyStop::load(const nlohmann::json& state) {
  *this = EarlyStop(config_);
  if (!state.contains("best_step")) return;
  best_ = state.at("best").get<double>();
  best_epoch_ = state.at("best_epoch").get<double>();
  best_step_ = state.at("best_step").get<std::int64_t>();
  without_improvement_ = state.at("without_improvement").get<std::int64_t>();
}

}  // namespace precinct::train
