// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>

#include "base/error.h"

namespace precinct::train {

LrSchedule::LrSchedule(const config::ScheduleConfig& config, double base_lr,
                       std::int64_t steps_per_epoch, std::int64_t total_steps)
    : config_(config),
      base_lr_(base_lr),
      steps_per_epoch_(std::max<std::int64_t>(1, steps_per_epoch)),
      total_steps_(total_steps),
      best_(std::numeric_limits<double>::infinity()) {
  const auto& name = config_.name;
  PRECINCT_CHECK(name == "constant" || name == "cosine" || name == "step" || name == "plateau",
                 ConfigError,
                 "train.schedule.name: expected constant, cosine, step or plateau, found '{}'; "
                 "choose one of them",
                 name);
}

double LrSchedule::factor(std::int64_t step) const {
  if (config_.name == "cosine") {
    const double length =
        static_cast<double>(std::max<std::int64_t>(1, total_steps_ - config_.warmup_steps));
    const double done =
        std::clamp(static_cast<double>(step - config_.warmup_steps) / length, 0.0, 1.0);
    return config_.final_factor +
           (1 - config_.final_factor) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }
  if (config_.name == "step") {
    const std::int64_t every = std::max<std::int64_t>(1, config_.step_epochs);
    const std::int64_t num_cuts = step / steps_per_epoch_ / every;
    return std::pow(config_.step_factor, static_cast<double>(num_cuts));
  }
  return plateau_factor_;
}

double LrSchedule::lr(std::int64_t step) const {
  const double warmup = step < config_.warmup_steps ? static_cast<double>(step + 1) /
                                                          static_cast<double>(config_.warmup_steps)
                                                    : 1.0;
  return base_lr_ * warmup * factor(step);
}

void LrSchedule::observe(double score) {
  if (config_.name != "plateau") return;
  if (score < best_) {
    best_ = score;
    without_improvement_ = 0;
  } else if (++without_improvement_ >= config_.plateau_patience) {
    plateau_factor_ *= config_.step_factor;
    without_improvement_ = 0;
  }
}

nlohmann::json LrSchedule::state() const {
  nlohmann::json state = {{"plateau_factor", plateau_factor_},
                          {"without_improvement", without_improvement_}};
  if (std::isfinite(best_)) state["best"] = best_;
  return state;
}

void LrSchedule::load(const nlohmann::json& state) {
  plateau_factor_ = state.at("plateau_factor").get<double>();
  without_improvement_ = state.at("without_improvement").get<std::int64_t>();
  best_ = state.value("best", std::numeric_limits<double>::infinity());
}

}  // namespace precinct::train
