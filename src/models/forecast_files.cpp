// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/forecast_files.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/time_zone.h"
#include "data/geo/geometry.h"
#include "data/store/hdf5_file.h"

namespace precinct::models {
namespace {

constexpr std::array<double, 5> kLevels = {.05, .25, .50, .75, .95};
constexpr std::array<const char*, 5> kNames = {"p05", "p25", "p50", "p75", "p95"};

struct Cell {
  double mean;
  double baseline;
  std::array<double, 5> quantiles;  // 0 without
};

/// A point forecast says nothing of what is around it.
bool has_quantiles(const ForecastFile& file) { return file.forecast->family != Family::kPoint; }

Cell cell_of(const ForecastFile& file, std::int64_t h, std::int64_t n, std::int64_t c) {
  const Forecast& f = *file.forecast;
  const auto i = static_cast<std::size_t>(f.index(0, h, n, c));
  Cell cell{f.mean[i], file.baseline->mean[i], {}};
  if (!has_quantiles(file)) return cell;
  for (std::size_t q = 0; q < kLevels.size(); ++q)
    cell.quantiles[q] = static_cast<double>(
        quantile(f.family, f.mean[i], f.dispersion.empty() ? 0 : f.dispersion[i], kLevels[q]));
  return cell;
}

void check(const ForecastFile& file) {
  PRECINCT_CHECK(
      file.forecast->origins.size() == 1 && file.baseline->origins == file.forecast->origins &&
          file.baseline->mean.size() == file.forecast->mean.size(),
      ShapeError,
      "forecast file: expected one origin and a baseline of the same shape, found {} origins",
      file.forecast->origins.size());
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

data::PolygonSet polygons_of(const data::Panel& panel) {
  PRECINCT_CHECK(
      panel.has_geometry(), DataError,
      "panel: expected polygons for a GeoJSON, found none; ingest with --boundaries or write .csv");
  return data::PolygonSet::from_wkb(panel.geometry, panel.geometry_offset);
}

nlohmann::json geometry_json(const data::PolygonSet& polygons, int node) {
  nlohmann::json coordinates = nlohmann::json::array();
  for (const auto& polygon : polygons.rings(node)) {
    nlohmann::json rings = nlohmann::json::array();
    for (const auto& ring : polygon) {
      nlohmann::json points = nlohmann::json::array();
      for (const auto& p : ring) points.push_back({p.x, p.y});
      rings.push_back(points);
    }
    coordinates.push_back(rings);
  }
  return {{"type", "MultiPolygon"}, {"coordinates", coordinates}};
}

std::string forecast_hdf5(const ForecastFile& file) {
  const Forecast& f = *file.forecast;
  const data::Panel& panel = *file.panel;
  data::Hdf5File out = data::Hdf5File::create_in_memory();
  const std::vector<std::uint64_t> dims = {static_cast<std::uint64_t>(f.horizon),
                                           static_cast<std::uint64_t>(f.num_nodes),
                                           static_cast<std::uint64_t>(f.num_categories)};
  std::array<std::vector<float>, 5> quantiles;
  std::vector<float> baseline;
  for (std::int64_t h = 0; h < f.horizon; ++h) {
    for (std::int64_t n = 0; n < f.num_nodes; ++n) {
      for (std::int64_t c = 0; c < f.num_categories; ++c) {
        const Cell cell = cell_of(file, h, n, c);
        for (std::size_t q = 0; q < kLevels.size(); ++q)
          quantiles[q].push_back(static_cast<float>(cell.quantiles[q]));
        baseline.push_back(static_cast<float>(cell.baseline));
      }
    }
  }
  out.write("/mean", data::ElementType::kF32, dims, f.mean.data());
  for (std::size_t q = 0; has_quantiles(file) && q < kLevels.size(); ++q)
    out.write(std::string("/") + kNames[q], data::ElementType::kF32, dims, quantiles[q].data());
  out.write("/baseline_mean", data::ElementType::kF32, dims, baseline.data());
  const TimeZone zone = TimeZone::load(panel.time_zone);
  std::vector<std::string> starts, ends, districts, categories;
  for (std::int64_t h = 0; h < f.horizon; ++h) {
    starts.push_back(zone.format(panel.axis.start_of(f.origins[0] + h)));
    ends.push_back(zone.format(panel.axis.end_of(f.origins[0] + h)));
  }
  for (const auto& node : panel.nodes) districts.push_back(node.code);
  for (const auto& category : panel.categories) categories.push_back(category.code);
  out.write_strings("/bin_start", starts);
  out.write_strings("/bin_end", ends);
  out.write_strings("/district", districts);
  out.write_strings("/category", categories);
  out.write_attribute("/", "origin", zone.format(panel.axis.start_of(f.origins[0])));
  out.write_attribute("/", "baseline", file.baseline_name);
  const auto image = out.image();
  return {reinterpret_cast<const char*>(image.data()), image.size()};
}

}  // namespace

std::string forecast_csv(const ForecastFile& file) {
  check(file);
  const Forecast& f = *file.forecast;
  const data::Panel& panel = *file.panel;
  const TimeZone zone = TimeZone::load(panel.time_zone);
  const std::string origin = zone.format(panel.axis.start_of(f.origins[0]));
  std::string text =
      "origin,bin_start,bin_end,district,category,mean,p05,p25,p50,p75,p95,risk_level,baseline_"
      "mean\n";
  for (std::int64_t h = 0; h < f.horizon; ++h) {
    const std::int64_t bin = f.origins[0] + h;
    const std::string times = fmt::format("{},{},{}", origin, zone.format(panel.axis.start_of(bin)),
                                          zone.format(panel.axis.end_of(bin)));
    for (std::int64_t n = 0; n < f.num_nodes; ++n) {
      for (std::int64_t c = 0; c < f.num_categories; ++c) {
        const Cell cell = cell_of(file, h, n, c);
        text += fmt::format("{},{},{},{:.5g},{},,{:.5g}\n", times,
                            quoted(panel.nodes[static_cast<std::size_t>(n)].code),
                            quoted(panel.categories[static_cast<std::size_t>(c)].code), cell.mean,
                            has_quantiles(file) ? fmt::format("{}", fmt::join(cell.quantiles, ","))
                                                : std::string(kLevels.size() - 1, ','),
                            cell.baseline);
      }
    }
  }
  return text;
}

std::string forecast_geojson(const ForecastFile& file) {
  check(file);
  const Forecast& f = *file.forecast;
  const data::Panel& panel = *file.panel;
  const data::PolygonSet polygons = polygons_of(panel);
  const TimeZone zone = TimeZone::load(panel.time_zone);
  nlohmann::json features = nlohmann::json::array();
  for (std::int64_t n = 0; n < f.num_nodes; ++n) {
    nlohmann::json rows = nlohmann::json::array();
    for (std::int64_t h = 0; h < f.horizon; ++h) {
      for (std::int64_t c = 0; c < f.num_categories; ++c) {
        const Cell cell = cell_of(file, h, n, c);
        nlohmann::json row = {{"bin_start", zone.format(panel.axis.start_of(f.origins[0] + h))},
                              {"bin_end", zone.format(panel.axis.end_of(f.origins[0] + h))},
                              {"category", panel.categories[static_cast<std::size_t>(c)].code},
                              {"mean", cell.mean},
                              {"risk_level", nullptr},
                              {"baseline_mean", cell.baseline}};
        for (std::size_t q = 0; q < kLevels.size(); ++q) {
          row[kNames[q]] = nullptr;
          if (has_quantiles(file)) row[kNames[q]] = cell.quantiles[q];
        }
        rows.push_back(row);
      }
    }
    const auto& node = panel.nodes[static_cast<std::size_t>(n)];
    features.push_back({{"type", "Feature"},
                        {"properties",
                         {{"code", node.code},
                          {"name", node.name},
                          {"origin", zone.format(panel.axis.start_of(f.origins[0]))},
                          {"forecast", rows}}},
                        {"geometry", geometry_json(polygons, static_cast<int>(n))}});
  }
  return nlohmann::json({{"type", "FeatureCollection"}, {"features", features}}).dump();
}

std::string districts_geojson(const data::Panel& panel) {
  const data::PolygonSet polygons = polygons_of(panel);
  nlohmann::json features = nlohmann::json::array();
  for (int i = 0; i < polygons.size(); ++i) {
    const auto& node = panel.nodes[static_cast<std::size_t>(i)];
    features.push_back(
        {{"type", "Feature"},
         {"properties", {{"code", node.code}, {"name", node.name}, {"parent", node.parent}}},
         {"geometry", geometry_json(polygons, i)}});
  }
  return nlohmann::json({{"type", "FeatureCollection"}, {"features", features}}).dump() + "\n";
}

void check_forecast_path(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  PRECINCT_CHECK((ending == ".csv" || ending == ".geojson" || ending == ".h5") &&
                     !std::filesystem::is_directory(path),
                 ConfigError,
                 "--out: expected a file that ends in .csv, .geojson or .h5, found '{}'; the "
                 "ending chooses the form",
                 path.string());
}

void write_forecast(const std::filesystem::path& path, const ForecastFile& file) {
  check(file);
  check_forecast_path(path);
  const std::string ending = path.extension().string();
  write_file_atomically(path, ending == ".csv"       ? forecast_csv(file)
                              : ending == ".geojson" ? forecast_geojson(file)
                                                     : forecast_hdf5(file));
}

}  // namespace precinct::models
