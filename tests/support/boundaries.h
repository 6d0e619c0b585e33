// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "data/geo/geometry.h"
#include "tests/support/unpack.h"

namespace precinct::test {

/// A closed axis-parallel rectangle of `width` x `height` degrees with its lower left corner at
/// (x, y).
inline data::Polygon rectangle(double x, double y, double width, double height) {
  return {{{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}, {x, y}}};
}

/// Features of a packed boundary file.
inline std::vector<data::Feature> features_of(const std::filesystem::path& path) {
  return data::parse_geojson(read_packed(path), path.filename().string());
}

/// Polygons of the districts that the repository ships: "west_la" or "chicago".
inline std::vector<data::Feature> shipped_districts(const std::string& city) {
  return features_of(std::filesystem::path(PRECINCT_SOURCE_DIR) / "data" / city /
                     "districts.geojson.xz");
}

inline data::PolygonSet polygons_of(const std::vector<data::Feature>& features) {
  std::vector<data::MultiPolygon> polygons;
  for (const auto& feature : features) polygons.push_back(feature.polygons);
  return data::PolygonSet(polygons);
}

}  // namespace precinct::test
