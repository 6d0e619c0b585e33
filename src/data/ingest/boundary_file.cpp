// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/boundary_file.h"

#include <algorithm>

#include "base/error.h"
#include "data/geo/geojson.h"
#include "data/ingest/code_map.h"
#include "data/ingest/compressed_file.h"
#include "data/ingest/district_locator.h"

namespace precinct::data {
namespace {

std::string known_properties(const Feature& feature) {
  std::vector<std::string> names;
  for (const auto& [name, value] : feature.properties) names.push_back(name);
  return names.empty() ? "no properties" : fmt::format("only {}", fmt::join(names, ", "));
}

std::string optional_property(const Feature& feature, const std::string& name,
                              const std::string& otherwise) {
  const auto it = feature.properties.find(name);
  return name.empty() || it == feature.properties.end() ? otherwise : it->second;
}

}  // namespace

bool fits_pattern(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (fits_pattern(text.substr(i), pattern.substr(1))) return true;
    }
    return false;
  }
  if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
  return fits_pattern(text.substr(1), pattern.substr(1));
}

Boundaries read_boundaries(const std::filesystem::path& path, const BoundaryProperties& properties,
                           const std::vector<std::string>& keep) {
  const std::string where = path.string();
  const auto features = parse_geojson(read_compressed_file(path), where);
  struct District {
    Node node;
    const MultiPolygon* polygons;
  };
  std::vector<District> districts;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const Feature& feature = features[i];
    const auto code = feature.properties.find(properties.code);
    PRECINCT_CHECK(code != feature.properties.end() && !code->second.empty(), DataError,
                   "{}: feature {}: expected a property '{}' with the district's code, found {}; "
                   "choose with --district-property",
                   where, i, properties.code, known_properties(feature));
    Node node;
    node.code = normalise_code(code->second);
    node.name = optional_property(feature, properties.name, node.code);
    node.parent = optional_property(feature, properties.parent, "");
    const bool kept =
        keep.empty() || std::any_of(keep.begin(), keep.end(), [&](const std::string& pattern) {
          return fits_pattern(node.code, pattern);
        });
    if (kept) districts.push_back({std::move(node), &feature.polygons});
  }
  for (const std::string& name : {properties.name, properties.parent})
    PRECINCT_CHECK(name.empty() || std::any_of(features.begin(), features.end(),
                                               [&](const Feature& feature) {
                                                 return feature.properties.contains(name);
                                               }),
                   DataError,
                   "{}: expected a property '{}' of a district, found {}; leave it out or "
                   "choose one of them",
                   where, name, known_properties(features.front()));
  PRECINCT_CHECK(!districts.empty(), DataError,
                 "{}: expected districts that fit {}, found none among {}; see the codes with "
                 "--districts '*'",
                 where, fmt::join(keep, ","), features.size());
  std::stable_sort(districts.begin(), districts.end(), [](const District& a, const District& b) {
    return code_less(a.node.code, b.node.code);
  });
  Boundaries boundaries;
  std::vector<MultiPolygon> polygons;
  for (District& district : districts) {
    boundaries.nodes.push_back(std::move(district.node));
    polygons.push_back(*district.polygons);
  }
  boundaries.polygons = std::make_shared<PolygonSet>(polygons);
  return boundaries;
}

}  // namespace precinct::data
