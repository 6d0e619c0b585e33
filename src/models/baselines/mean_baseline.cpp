// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/mean_baseline.h"

#include <algorithm>

#include "base/error.h"
#include "data/features/dispersion.h"

namespace precinct::models {

void MeanBaseline::prepare_once(const data::Panel& panel) {
  if (prepared_ == &panel) return;
  prepare(panel);
  prepared_ = &panel;
}

void MeanBaseline::fit(const data::Panel& panel, const data::Split& split) {
  prepared_ = nullptr;  // a panel may have changed since, or another one lie at its address
  prepare_once(panel);
  const auto cats = static_cast<std::size_t>(panel.num_categories);
  const auto cells = static_cast<std::size_t>(panel.num_nodes) * cats;
  std::vector<std::vector<double>> means(cats), counts(cats);
  std::vector<float> row(cells);
  for (std::int64_t e = std::max<std::int64_t>(1, split.validation.begin); e < split.validation.end;
       ++e) {
    mean(panel, e, 1, row.data());
    for (std::size_t i = 0; i < cells; ++i) {
      if (!panel.is_observed(e, static_cast<std::int64_t>(i / cats))) continue;
      means[i % cats].push_back(std::max(row[i], 1e-4F));
      counts[i % cats].push_back(
          panel.counts[e * static_cast<std::int64_t>(cells) + static_cast<std::int64_t>(i)]);
    }
  }
  dispersion_.clear();
  for (std::size_t c = 0; c < cats; ++c)
    dispersion_.push_back(data::fit_dispersion(means[c], counts[c]));
}

Forecast MeanBaseline::predict(const data::Panel& panel, std::span<const std::int64_t> origins,
                               std::int64_t horizon) {
  PRECINCT_CHECK(!dispersion_.empty(), ShapeError, "baseline {}: expected fit() before predict()",
                 name_);
  for (const std::int64_t origin : origins)
    PRECINCT_CHECK(origin >= 0 && origin <= panel.num_bins, ShapeError,
                   "baseline {}: expected origins in 0..{}, found {}", name_, panel.num_bins,
                   origin);
  prepare_once(panel);
  Forecast forecast;
  forecast.origins.assign(origins.begin(), origins.end());
  forecast.family = Family::kNegativeBinomial2;
  forecast.horizon = horizon;
  forecast.num_nodes = panel.num_nodes;
  forecast.num_categories = panel.num_categories;
  forecast.mean.resize(static_cast<std::size_t>(forecast.size()));
  forecast.dispersion.resize(forecast.mean.size());
  const auto cats = static_cast<std::size_t>(panel.num_categories);
  for (std::size_t o = 0; o < origins.size(); ++o)
    mean(panel, origins[o], horizon,
         forecast.mean.data() + forecast.index(static_cast<std::int64_t>(o), 0, 0, 0));
  for (std::size_t i = 0; i < forecast.mean.size(); ++i) {
    forecast.mean[i] = std::max(forecast.mean[i], 1e-4F);
    forecast.dispersion[i] = static_cast<float>(dispersion_[i % cats]);
  }
  return forecast;
}

}  // namespace precinct::models
