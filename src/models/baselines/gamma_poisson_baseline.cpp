// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/gamma_poisson_baseline.h"

#include <algorithm>

#include "base/error.h"

namespace precinct::models {

void GammaPoissonBaseline::fit(const data::Panel& panel, const data::Split& split) {
  constants_ = data::choose_gamma_poisson(panel, split.validation);
  series_ = std::make_unique<data::GammaPoissonSeries>(panel, *constants_);
  panel_ = &panel;
}

Forecast GammaPoissonBaseline::predict(const data::Panel& panel,
                                       std::span<const std::int64_t> origins,
                                       std::int64_t horizon) {
  PRECINCT_CHECK(constants_.has_value(), ShapeError,
                 "baseline gamma_poisson: expected fit() before predict()");
  if (panel_ != &panel) {
    series_ = std::make_unique<data::GammaPoissonSeries>(panel, *constants_);
    panel_ = &panel;
  }
  Forecast forecast;
  forecast.origins.assign(origins.begin(), origins.end());
  forecast.family = Family::kNegativeBinomial2;
  forecast.horizon = horizon;
  forecast.num_nodes = panel.num_nodes;
  forecast.num_categories = panel.num_categories;
  forecast.mean.resize(static_cast<std::size_t>(forecast.size()));
  for (std::size_t o = 0; o < origins.size(); ++o) {
    series_->mean(origins[o], horizon,
                  forecast.mean.data() + forecast.index(static_cast<std::int64_t>(o), 0, 0, 0));
  }
  const auto cats = static_cast<std::size_t>(panel.num_categories);
  forecast.dispersion.resize(forecast.mean.size());
  for (std::size_t i = 0; i < forecast.mean.size(); ++i) {
    forecast.mean[i] = std::max(forecast.mean[i], 1e-4F);
    forecast.dispersion[i] = static_cast<float>(constants_->dispersion[i % cats]);
  }
  return forecast;
}

}  // namespace precinct::models
