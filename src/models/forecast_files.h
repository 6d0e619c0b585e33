// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/panel.h"
#include "models/forecast.h"

namespace precinct::models {

/// What is written of one forecast: one origin of `forecast`, and the means of the baseline beside
/// it.
struct ForecastFile {
  const data::Panel* panel = nullptr;
  const Forecast* forecast = nullptr;  // exactly one origin
  const Forecast* baseline = nullptr;  // the same origin and shape
  std::string baseline_name;
};

/// Header:
/// origin,bin_start,bin_end,district,category,mean,p05,p25,p50,p75,p95,risk_level,baseline_mean.
/// Times ISO 8601 with the zone's offset; risk_level is empty for count heads, the quantiles for
/// point forecasts.
std::string forecast_csv(const ForecastFile& file);

/// FeatureCollection with one feature a district, its polygon and properties {code, name, forecast:
/// [{bin_start, bin_end, category, mean, p05, ... (null for point
/// forecasts), risk_level (null for count heads), baseline_mean}]}. Throws DataError when the panel
/// has no polygons.
std::string forecast_geojson(const ForecastFile& file);

/// The districts' polygons as a FeatureCollection with properties {code, name, parent}. Throws
/// DataError when the panel has no polygons.
std::string districts_geojson(const data::Panel& panel);

/// Throws ConfigError when the path is a folder or has an ending of no known form; for a look
/// before the work.
void check_forecast_path(const std::filesystem::path& path);

/// Writes .csv, .geojson or .h5 by the path's ending, atomically. HDF5: /mean, /p05 ...
/// /baseline_mean [H, N, C] f32 (no quantiles of point forecasts), /bin_start, /bin_end [H],
/// /district [N], /category [C], attributes origin and baseline. Throws ConfigError for another
/// ending.
void write_forecast(const std::filesystem::path& path, const ForecastFile& file);

}  // namespace precinct::models
