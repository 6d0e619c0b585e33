// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/data_config.h"
#include "data/features/gamma_poisson.h"
#include "data/loader/split.h"
#include "data/panel.h"

namespace precinct::data {

/// x' = (log1p(y) - shift[c]) / scale[c]; learnt on the fit range only.
struct Scaler {
  std::vector<float> shift;  // [C]
  std::vector<float> scale;  // [C], > 0
  bool operator==(const Scaler&) const = default;
};

/// What was learnt about inputs on the fit range; part of the artifact (features.json).
struct FeatureSpec {
  std::vector<std::string> calendar_names;  // Fg, in order
  std::vector<std::string> static_names;    // Fs, in order
  std::vector<std::string> origin_names;    // Fo, in order
  std::string calendar_form = "cyclic";
  std::string holidays = "us_federal";
  std::vector<double> half_lives_days;
  Scaler scaler;
  std::vector<float> origin_shift,
      origin_scale;                       // [Fo] of log1p of the exponentially weighted means
  std::vector<float> statics;             // [N, Fs], scaled
  std::vector<float> log_mean0;           // [N, C] log of the smoothed long-run mean per bin
  std::vector<float> log_dispersion0;     // [C] NB2 dispersion of the historical mean
  BinRange fit_range;                     // bins of the panel that it was learnt on
  std::optional<std::int64_t> first_day;  // of that panel; the trend counts from it in any other

  /// The bins of any panel, given its axis, that `fit_range` lies in, even in part (weeks of two
  /// panels may begin on different weekdays); before bin 0 or behind the panel's end where it does
  /// not hold them. As it stands when the first day is not known.
  BinRange learnt_bins(const BinAxis& axis) const;

  static FeatureSpec fit(const Panel& panel, const config::InputConfig& input,
                         const config::DataConfig& data, const BinRange& fit_range);
};
void to_json(nlohmann::json& json, const FeatureSpec& spec);
void from_json(const nlohmann::json& json, FeatureSpec& spec);
void to_json(nlohmann::json& json, const GammaPoissonConstants& constants);
void from_json(const nlohmann::json& json, GammaPoissonConstants& constants);

/// Everything that windows of one panel gather besides counts; row e of `origin` uses bins < e
/// alone.
struct FeatureSet {
  std::int64_t num_calendar = 0;  // Fg
  std::int64_t num_origin = 0;    // Fo
  std::int64_t num_static = 0;    // Fs
  std::int64_t num_day_slots = 1;
  std::vector<float> calendar;         // [T_total + horizon, Fg]
  std::vector<std::int32_t> day_slot;  // [T_total + horizon]
  std::vector<std::int32_t> weekday;   // [T_total + horizon]
  std::vector<float> origin;           // [T_total + 1, N, Fo]
  std::vector<float> statics;          // [N, Fs]
  Scaler scaler;
  std::shared_ptr<const GammaPoissonSeries> anchor;  // null: no anchor

  /// `anchor`: constants, or nothing for head.anchor = none.
  static FeatureSet compute(const Panel& panel, const FeatureSpec& spec, std::int64_t horizon,
                            const std::optional<GammaPoissonConstants>& anchor);
};

}  // namespace precinct::data
