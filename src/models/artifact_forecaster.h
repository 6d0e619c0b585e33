// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "data/loader/resident_series.h"
#include "models/artifact.h"
#include "models/forecast.h"
#include "models/forecast_model.h"

namespace precinct::models {

/// Forecasts of a trained network: predict only. The panel may be longer than the one it was
/// trained on; its districts, categories and bins must be the same.
class ArtifactForecaster final : public Forecaster {
 public:
  explicit ArtifactForecaster(Artifact artifact, c10::Device device = c10::kCPU);
  std::string name() const override { return artifact_.config.model.name; }
  /// Throws ConfigError: an artifact is frozen.
  void fit(const data::Panel& panel, const data::Split& split) override;
  /// Throws DataError for a panel that differs or an origin with fewer bins before it than the
  /// lookback, ConfigError for a horizon beyond the network's; warns when the anchor's history is
  /// short.
  Forecast predict(const data::Panel& panel, std::span<const std::int64_t> origins,
                   std::int64_t horizon) override;
  const Artifact& artifact() const { return artifact_; }

 private:
  void prepare(const data::Panel& panel);
  void check_origins(std::span<const std::int64_t> origins, const data::Panel& panel) const;

  Artifact artifact_;
  c10::Device device_;
  const data::Panel* panel_ = nullptr;  // the one that was prepared
  data::FeatureSet features_;
  std::unique_ptr<data::ResidentSeries> series_;
  std::shared_ptr<ForecastModel> model_;
};

/// Forecasts of a network from origins of a series, in chunks of `chunk` windows; weights are not
/// touched. horizon <= the series' horizon.
Forecast predict_windows(ForecastModel& model, const config::HeadConfig& head,
                         const data::ResidentSeries& series, std::span<const std::int64_t> origins,
                         std::int64_t horizon, std::int64_t chunk = 32);

}  // namespace precinct::models
