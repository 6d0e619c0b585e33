// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "models/forecast.h"

namespace precinct::models {

/// A baseline that states a mean per cell; its NB2 dispersion per category is fitted by maximum
/// likelihood on the one-step forecasts of the validation range, so that its NLL can be compared
/// with that of the others. A panel is known by its address and must not change between fit and
/// predict. Throws ShapeError for an origin outside 0..num_bins.
class MeanBaseline : public Forecaster {
 public:
  explicit MeanBaseline(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  void fit(const data::Panel& panel, const data::Split& split) override;
  Forecast predict(const data::Panel& panel, std::span<const std::int64_t> origins,
                   std::int64_t horizon) override;

 protected:
  /// Prepares sums over the panel; row e of what it keeps may use bins < e alone. Called once per
  /// panel. What has a row per season is rolled to the origin by mean() instead: 168 seasons of
  /// hours, for each bin, would be gigabytes.
  virtual void prepare(const data::Panel& panel) = 0;
  /// Means [H, N, C] from origin e, of counts of bins < e alone. Origins come in any order,
  /// ascending ones are cheap.
  virtual void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
                    float* out) = 0;

 private:
  void prepare_once(const data::Panel& panel);
  std::string name_;
  std::vector<double> dispersion_;  // [C]
  const data::Panel* prepared_ = nullptr;
};

}  // namespace precinct::models
