// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/geo/geometry.h"
#include "data/panel.h"

namespace precinct::data {

/// Which properties of a boundary file say what.
struct BoundaryProperties {
  std::string code;    // of the district; needed
  std::string name;    // empty: the code
  std::string parent;  // empty: none
};

/// Districts with their polygons, ordered by code (numbers by value) whatever the file's order.
struct Boundaries {
  std::vector<Node> nodes;  // code, name, parent
  std::shared_ptr<const PolygonSet> polygons;
};

/// Reads a GeoJSON file, plain or compressed. `keep`: patterns of codes to keep ('*' and '?';
/// empty: all). Throws IoError, DataError (no such property, no district kept).
Boundaries read_boundaries(const std::filesystem::path& path, const BoundaryProperties& properties,
                           const std::vector<std::string>& keep = {});

/// Does `text` fit the pattern, where '*' stands for any text and '?' for one character?
bool fits_pattern(std::string_view text, std::string_view pattern);

}  // namespace precinct::data
