// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/geo/geometry.h"
#include "data/panel.h"

namespace precinct::data {

/// A regular grid in degrees: row = floor((lat - latitude0) * cells_per_degree_latitude), column
/// likewise. Points lie exactly on cell edges, so it multiplies and does not divide.
struct GridSpec {
  double latitude0 = 0, longitude0 = 0;
  std::int64_t rows = 0, columns = 0;
  double cells_per_degree_latitude = 1, cells_per_degree_longitude = 1;
  /// "lat0,lon0,rows,columns,cells_per_degree_lat,cells_per_degree_lon"; throws ConfigError.
  static GridSpec parse(const std::string& text);
};

/// Finds the district of an incident: by code, by point in polygon, or by grid cell. Thread-safe.
class DistrictLocator {
 public:
  enum class Mode { kCode, kPoint, kGrid, kDiscover };
  static constexpr double kNearestMetres = 250;

  static DistrictLocator by_code(std::vector<Node> nodes,
                                 std::shared_ptr<const PolygonSet> polygons);
  static DistrictLocator by_point(std::vector<Node> nodes,
                                  std::shared_ptr<const PolygonSet> polygons);
  static DistrictLocator by_grid(const GridSpec& grid);
  /// No boundaries: the districts are the codes that occur.
  static DistrictLocator discover();
  DistrictLocator(DistrictLocator&&) noexcept;
  ~DistrictLocator();

  Mode mode() const;
  /// Index, or nothing. For kDiscover a provisional one; see finish().
  std::optional<std::int32_t> by_code(std::string_view code) const;
  std::optional<std::int32_t> by_point(double longitude, double latitude) const;
  /// Nodes in final order; `remap[provisional] = final`.
  std::vector<Node> finish(std::vector<std::int32_t>& remap) const;
  const PolygonSet* polygons() const;
  /// Points inside a polygon, inside several, taken to the nearest, and outside: for the quality
  /// report.
  struct PointCounts {
    std::uint64_t inside = 0, in_several = 0, nearest = 0, outside = 0;
  };
  PointCounts point_counts() const;

 private:
  struct State;
  explicit DistrictLocator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Nodes with areas and centroids from polygons; `codes` and `names` as long as the set.
std::vector<Node> make_nodes(const PolygonSet& polygons, const std::vector<std::string>& codes,
                             const std::vector<std::string>& names,
                             const std::vector<std::string>& parents);

/// Rectangles of a grid's cells, row-major.
std::vector<MultiPolygon> grid_cells(const GridSpec& grid);

}  // namespace precinct::data
