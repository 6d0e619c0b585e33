// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/geo/geojson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "tests/support/boundaries.h"
#include "tests/support/long_form.h"

namespace precinct::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string collection(const std::string& features) {
  return R"({"type":"FeatureCollection","features":[)" + features + "]}";
}

std::string feature(const std::string& type, const std::string& coordinates,
                    const std::string& properties = R"({"number":"801"})") {
  return R"({"type":"Feature","properties":)" + properties + R"(,"geometry":{"type":")" + type +
         R"(","coordinates":)" + coordinates + "}}";
}

const std::string kSquare = "[[[0,0],[1,0],[1,1],[0,1],[0,0]]]";

/// The message of the DataError that `text` must give.
std::string message_of(const std::string& text) {
  try {
    parse_geojson(text, "map.geojson");
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(GeoJson, ReadsPolygonsHolesMultiPolygonsAndProperties) {
  const auto features = parse_geojson(
      collection(feature("Polygon",
                         "[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[2,1],[2,2],[1,2],[1,1]]]",
                         R"({"number":801,"name":"A \"B\"","none":null,"real":1.5})") +
                 "," + feature("MultiPolygon", "[" + kSquare + "," + kSquare + "]")),
      "map.geojson");
  ASSERT_EQ(features.size(), 2U);
  ASSERT_EQ(features[0].polygons.size(), 1U);
  ASSERT_EQ(features[0].polygons[0].size(), 2U) << "outer ring and one hole";
  EXPECT_EQ(features[0].polygons[0][1][1].x, 2);
  EXPECT_EQ(features[0].polygons[0][1][1].y, 1);
  EXPECT_EQ(features[0].properties.at("number"), "801");
  EXPECT_EQ(features[0].properties.at("name"), "A \"B\"");
  EXPECT_EQ(features[0].properties.at("none"), "");
  EXPECT_EQ(features[0].properties.at("real"), "1.5");
  EXPECT_EQ(features[1].polygons.size(), 2U);
  EXPECT_EQ(features[1].properties.at("number"), "801");
}

TEST(GeoJson, OpenRingsAreClosedAndHeightsIgnored) {
  const auto features =
      parse_geojson(collection(feature("Polygon", "[[[0,0,9],[1,0,9],[1,1,9],[0,1,9]]]")), "map");
  const Ring& ring = features[0].polygons[0][0];
  ASSERT_EQ(ring.size(), 5U);
  EXPECT_EQ(ring.front().x, ring.back().x);
  EXPECT_EQ(ring.front().y, ring.back().y);
}

TEST(GeoJson, BadFilesAreRefusedInOneLineWithTheFileAndTheFeature) {
  struct Case {
    std::string text, expected;
  };
  const Case cases[] = {
      {"", "FeatureCollection"},
      {"{", "FeatureCollection"},
      {"[1,2]", "FeatureCollection"},
      {R"({"type":"Topology"})", "FeatureCollection"},
      {R"({"type":5,"features":[]})", "FeatureCollection"},
      {R"({"type":"FeatureCollection"})", "FeatureCollection"},
      {R"({"type":"FeatureCollection","features":{}})", "FeatureCollection"},
      {collection(""), "at least one feature"},
      {collection(R"({"type":"Feature","geometry":null})"), "feature 0: expected a geometry"},
      {collection("5"), "feature 0: expected a geometry"},
      {collection(feature("Point", "[0,0]")), "found 'Point'"},
      {collection(R"({"geometry":{"type":7,"coordinates":[]}})"), "expected Polygon"},
      {collection(R"({"geometry":{"coordinates":[]}})"), "expected Polygon"},
      {collection(feature("MultiPolygon", "5")), "expected Polygon or MultiPolygon"},
      {collection(feature("MultiPolygon", "[]")), "expected rings"},
      {collection(feature("Polygon", "[]")), "expected rings"},
      {collection(feature("Polygon", R"("rings")")), "expected rings"},
      {collection(feature("Polygon", "[5]")), "expected a ring"},
      {collection(feature("Polygon", "[[[0,0],[1,0],[0,0]]]")), "at least 4 points, found 3"},
      {collection(feature("Polygon", R"([[[0,0],[1,0],[1,"1"],[0,0]]])")),
       "expected [longitude, latitude]"},
      {collection(feature("Polygon", "[[[0,0],[1],[1,1],[0,0]]]")),
       "expected [longitude, latitude]"},
      {collection(feature("Polygon", kSquare) + "," +
                  feature("Polygon", "[[[500000,0],[500001,0],[500001,1],[500000,0]]]")),
       "feature 1: expected degrees of WGS 84, found (500000, 0)"},
      {collection(feature("Polygon", "[[[0,0],[1e999,0],[1,1],[0,0]]]")), "FeatureCollection"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(message_of(text),
                AllOf(HasSubstr("map.geojson"), HasSubstr(expected), Not(HasSubstr("\n"))))
        << text;
  }
}

TEST(GeoJson, DeepNestingIsRefusedBeforeTheParserRecurses) {
  EXPECT_THAT(message_of(std::string(100'000, '[')), HasSubstr("at most 64 nested brackets"));
  EXPECT_THAT(message_of(collection(feature("Polygon", std::string(70, '[')))),
              HasSubstr("at most 64 nested brackets"));
  EXPECT_EQ(message_of(collection(
                feature("Polygon", kSquare, R"({"name":")" + std::string(100, '[') + "\"}"))),
            "accepted")
      << "brackets inside a string are text";
}

TEST(GeoJson, MutatedFilesAreReadOrRefusedWithTheirNameAndNothingElse) {
  constexpr std::uint64_t kSeed = 20'261'125;
  std::cout << "seed " << kSeed << "\n";
  const std::string whole =
      collection(feature("Polygon", kSquare) + "," + feature("MultiPolygon", "[" + kSquare + "]"));
  int refused = 0;
  for (std::uint64_t round = 0, n = test::num_rounds(5'000); round < n; ++round) {
    std::string text = whole;
    const std::uint64_t key = mix(kSeed, round);
    for (std::uint64_t i = 0, n = 1 + uniform_index(key, 0, 3); i < n; ++i) {
      const auto at = uniform_index(key, 3 * i + 1, text.size());
      const auto other = uniform_index(key, 3 * i + 2, text.size());
      if (uniform_index(key, 3 * i + 3, 2) == 0)
        text[at] = whole[other % whole.size()];
      else
        text.erase(at, 1 + other % 9);
    }
    try {
      parse_geojson(text, "map.geojson");
    } catch (const DataError& error) {
      ++refused;
      ASSERT_THAT(error.what(), AllOf(HasSubstr("map.geojson"), Not(HasSubstr("\n")))) << text;
    }  // any other exception fails the test
  }
  std::cout << refused << " refused\n";
  EXPECT_GT(refused, 2'500);
}

TEST(GeoJson, ReadsTheShippedBoundaries) {
  const auto west_la = test::shipped_districts("west_la");
  EXPECT_EQ(west_la.size(), 69U);
  EXPECT_EQ(west_la[0].properties.at("number"), "801");
  EXPECT_EQ(test::shipped_districts("chicago").size(), 98U);
}

}  // namespace
}  // namespace precinct::data
