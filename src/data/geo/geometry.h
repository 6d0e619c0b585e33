// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "data/geo/geojson.h"

namespace precinct::data {

/// Length of the border that two polygons share.
struct Border {
  int first;
  int second;  // > first
  double metres;
};

/// Polygons of districts: point location, areas, borders (GEOS behind a wall). Invalid polygons are
/// repaired when the object is made. Queries are thread-safe: each holds a GEOS context of its own
/// thread.
class PolygonSet {
 public:
  explicit PolygonSet(const std::vector<MultiPolygon>& polygons);
  /// From concatenated WKB with offsets [N+1], as a panel holds it.
  static PolygonSet from_wkb(std::span<const std::uint8_t> bytes,
                             std::span<const std::uint64_t> offsets);
  ~PolygonSet();
  PolygonSet(PolygonSet&&) noexcept;

  int size() const;
  int num_repaired() const;
  /// Polygons that hold the point; a point on a common border is in both, in rising order.
  std::vector<int> containing(Point point) const;
  /// The nearest polygon within `metres`, or nothing.
  std::optional<int> nearest(Point point, double metres) const;
  double area_km2(int polygon) const;
  Point centroid(int polygon) const;  // WGS 84
  /// Shared borders: the part of a boundary within `buffer_metres` of the neighbour, mean of both
  /// directions; pairs that share less than `min_metres` are dropped (corner touches).
  std::vector<Border> borders(double buffer_metres = 20, double min_metres = 2.5) const;
  /// Polygons as rings for maps, simplified to `tolerance_metres` (0: as they are).
  MultiPolygon rings(int polygon, double tolerance_metres = 0) const;
  /// WKB (little endian) of one polygon.
  std::vector<std::uint8_t> wkb(int polygon) const;

 private:
  struct State;
  explicit PolygonSet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace precinct::data
