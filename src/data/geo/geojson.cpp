// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/geo/geojson.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace precinct::data {
namespace {

using Json = nlohmann::json;

Ring parse_ring(const Json& json, const std::string& where) {
  PRECINCT_CHECK(json.is_array() && json.size() >= 4, DataError,
                 "{}: expected a ring of at least 4 points, found {}; close or leave out the ring",
                 where, json.is_array() ? std::to_string(json.size()) : json.type_name());
  Ring ring;
  ring.reserve(json.size());
  for (const Json& point : json) {
    PRECINCT_CHECK(
        point.is_array() && point.size() >= 2 && point[0].is_number() && point[1].is_number(),
        DataError, "{}: expected [longitude, latitude], found {}; export the file again", where,
        point.dump().substr(0, 40));
    const Point p{point[0].get<double>(), point[1].get<double>()};
    PRECINCT_CHECK(std::abs(p.x) <= 180 && std::abs(p.y) <= 90, DataError,
                   "{}: expected degrees of WGS 84, found ({}, {}); project the file to EPSG:4326",
                   where, p.x, p.y);
    ring.push_back(p);
  }
  if (ring.front().x != ring.back().x || ring.front().y != ring.back().y)
    ring.push_back(ring.front());
  return ring;
}

Polygon parse_polygon(const Json& json, const std::string& where) {
  PRECINCT_CHECK(json.is_array() && !json.empty(), DataError,
                 "{}: expected rings, found {}; export the file again", where, json.type_name());
  Polygon polygon;
  for (const Json& ring : json) polygon.push_back(parse_ring(ring, where));
  return polygon;
}

/// Member `type` when it is a string, else nothing.
std::string type_of(const Json& json) {
  const auto type = json.find("type");
  return type != json.end() && type->is_string() ? type->get<std::string>() : "";
}

std::string as_text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.is_null() ? "" : json.dump();
}

/// Depth of brackets, before the parser recurses over them.
void check_depth(std::string_view text, const std::string& where) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      PRECINCT_CHECK(++depth <= 64, DataError,
                     "{}: byte {}: expected at most 64 nested brackets; this is no boundary file",
                     where, i);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace

std::vector<Feature> parse_geojson(std::string_view text, const std::string& where) {
  check_depth(text, where);
  const Json root = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  PRECINCT_CHECK(!root.is_discarded() && root.is_object() && type_of(root) == "FeatureCollection" &&
                     root.contains("features") && root["features"].is_array(),
                 DataError,
                 "{}: expected a GeoJSON FeatureCollection, found something else; export the "
                 "boundaries as GeoJSON",
                 where);
  std::vector<Feature> features;
  for (std::size_t i = 0; i < root["features"].size(); ++i) {
    const Json& json = root["features"][i];
    const std::string here = fmt::format("{}: feature {}", where, i);
    PRECINCT_CHECK(json.is_object() && json.contains("geometry") && json["geometry"].is_object() &&
                       json["geometry"].contains("coordinates"),
                   DataError, "{}: expected a geometry, found none; leave the feature out", here);
    const Json& geometry = json["geometry"];
    const std::string type = type_of(geometry);
    Feature feature;
    if (type == "Polygon") {
      feature.polygons.push_back(parse_polygon(geometry["coordinates"], here));
    } else {
      PRECINCT_CHECK(type == "MultiPolygon" && geometry["coordinates"].is_array(), DataError,
                     "{}: expected Polygon or MultiPolygon, found '{}'; leave points and lines out",
                     here, type);
      PRECINCT_CHECK(!geometry["coordinates"].empty(), DataError,
                     "{}: expected rings, found an empty MultiPolygon; leave the feature out",
                     here);
      for (const Json& polygon : geometry["coordinates"])
        feature.polygons.push_back(parse_polygon(polygon, here));
    }
    if (json.contains("properties") && json["properties"].is_object()) {
      for (const auto& [key, value] : json["properties"].items())
        feature.properties[key] = as_text(value);
    }
    features.push_back(std::move(feature));
  }
  PRECINCT_CHECK(!features.empty(), DataError,
                 "{}: expected at least one feature, found none; export the districts again",
                 where);
  return features;
}

}  // namespace precinct::data
