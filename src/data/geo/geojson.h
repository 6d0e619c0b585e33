// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/geo/projection.h"

namespace precinct::data {

using Ring = std::vector<Point>;
/// Outer ring first, then holes; rings are closed.
using Polygon = std::vector<Ring>;
using MultiPolygon = std::vector<Polygon>;

/// One feature of a boundary file: its polygons (WGS 84) and its properties as text.
struct Feature {
  MultiPolygon polygons;
  std::map<std::string, std::string> properties;
};

/// Parses a GeoJSON FeatureCollection (RFC 7946) of Polygon and MultiPolygon features. `where`
/// names the file in errors. Throws DataError with the feature's index; nesting and size are
/// bounded.
std::vector<Feature> parse_geojson(std::string_view text, const std::string& where);

}  // namespace precinct::data
