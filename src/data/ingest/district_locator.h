// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
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

  /// `nodes` as long as `polygons`, in the same order. Throws DataError for a code that is there
  /// twice.
  static DistrictLocator by_code(std::vector<Node> nodes,
                                 std::shared_ptr<const PolygonSet> polygons);
  static DistrictLocator by_point(std::vector<Node> nodes,
                                  std::shared_ptr<const PolygonSet> polygons);
  /// Cells in row-major order, coded r00c00.
  static DistrictLocator by_grid(const GridSpec& grid);
  /// No boundaries: the districts are the codes that occur.
  static DistrictLocator discover();
  DistrictLocator(DistrictLocator&&) noexcept;
  DistrictLocator& operator=(DistrictLocator&&) noexcept;
  ~DistrictLocator();

  /// By code: an unknown code whose parent (the code without its last `digits` digits) is known is
  /// counted in one extra node per parent, "<parent>*", which has the parent's shape and no border.
  /// Call before any query.
  void count_unknown_under_parent(std::size_t digits);

  Mode mode() const;
  bool uses_points() const { return mode() == Mode::kPoint || mode() == Mode::kGrid; }
  /// Index, or nothing. Provisional: fill_places() has the final ones.
  std::optional<std::int32_t> find_code(std::string_view code) const;

  struct Located {
    std::int32_t district = 0;
    bool in_several = false;  // the first of them was taken
    bool nearest = false;     // outside of all, within kNearestMetres
  };
  std::optional<Located> find_point(Point point) const;

  /// Writes nodes and geometry of `panel`. `used`: per provisional index, 1 when it has incidents;
  /// extra and discovered nodes that have none are left out. Returns provisional -> final, -1 for
  /// those.
  std::vector<std::int32_t> fill_places(const std::vector<std::uint8_t>& used, Panel& panel) const;
  /// Provisional indexes given out so far.
  std::size_t num_indexes() const;
  const PolygonSet* polygons() const;

 private:
  struct State;
  explicit DistrictLocator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Order of district codes: numbers by value, then text.
bool code_less(const std::string& a, const std::string& b);

/// Rectangles of a grid's cells, row-major.
std::vector<MultiPolygon> grid_cells(const GridSpec& grid);

}  // namespace precinct::data
