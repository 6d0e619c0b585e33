// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "data/features/gamma_poisson.h"
#include "models/forecast.h"

namespace precinct::models {

/// The gamma-Poisson forecaster: the baseline to beat, and the networks' default anchor.
class GammaPoissonBaseline final : public Forecaster {
 public:
  std::string name() const override { return "gamma_poisson"; }
  void fit(const data::Panel& panel, const data::Split& split) override;
  Forecast predict(const data::Panel& panel, std::span<const std::int64_t> origins,
                   std::int64_t horizon) override;
  const data::GammaPoissonConstants& constants() const { return *constants_; }

 private:
  std::optional<data::GammaPoissonConstants> constants_;
  std::unique_ptr<data::GammaPoissonSeries> series_;
  const data::Panel* panel_ = nullptr;
};

}  // namespace precinct::models
