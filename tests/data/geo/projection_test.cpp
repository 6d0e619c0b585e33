// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/geo/projection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tests/support/boundaries.h"
#include "tests/support/shared_data.h"

namespace precinct::data {
namespace {

// Published UTM coordinates (EPSG:326xx, WGS 84), to the metre: the CN Tower's are those of the
// usual textbook example, 17T 630084 4833438.
TEST(Projection, AgreesWithPublishedUtmCoordinates) {
  const Point tower = Projection({-79.387139, 43.642567}).forward(Point{-79.387139, 43.642567});
  EXPECT_NEAR(tower.x, 630'084, 1);
  EXPECT_NEAR(tower.y, 4'833'438, 1);
}

TEST(Projection, CentralMeridianIs500KmEastAndTheEquatorIsZero) {
  const Projection north({-117, 34});  // zone 11, central meridian 117 W
  const Point origin = north.forward(Point{-117, 0});
  EXPECT_NEAR(origin.x, 500'000, 1e-3);
  EXPECT_NEAR(origin.y, 0, 1e-3);
  const Projection south({-57, -34});  // zone 21 south: false northing 10,000 km
  EXPECT_NEAR(south.forward(Point{-57, 0}).y, 10'000'000, 1e-3);
}

TEST(Projection, LongitudeComesFirst) {
  const Projection projection({-118.4, 34.05});
  const Point a = projection.forward(Point{-118.4, 34.05}),
              b = projection.forward(Point{-118.39, 34.05}),
              c = projection.forward(Point{-118.4, 34.06});
  EXPECT_NEAR(b.x - a.x, 923, 5) << "a hundredth of a degree of longitude at 34 degrees north";
  EXPECT_NEAR(c.y - a.y, 1'109, 5) << "a hundredth of a degree of latitude";
}

TEST(Projection, ManyPointsAtOnceAreThePointsOneByOne) {
  const Projection projection({-87.6, 41.8});
  std::array<Point, 50> points;
  for (std::size_t i = 0; i < points.size(); ++i)
    points[i] = {-87.6 + .003 * static_cast<double>(i), 41.8 - .002 * static_cast<double>(i)};
  const auto before = points;
  projection.forward(points);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point one = projection.forward(before[i]);
    EXPECT_EQ(points[i].x, one.x) << i;
    EXPECT_EQ(points[i].y, one.y) << i;
  }
  projection.forward(std::span<Point>());
}

TEST(Projection, PointsThatCannotBeProjectedAreRefused) {
  const Projection projection({-118.4, 34.05});
  EXPECT_THROW(projection.forward(Point{-118.4, std::numeric_limits<double>::quiet_NaN()}),
               DataError);
  EXPECT_THROW(projection.forward(Point{34.05, -118.4}), DataError) << "axes in the wrong order";
}

TEST(Projection, CentresAtTheDateLineFallIntoTheLastZones) {
  EXPECT_NO_THROW(Projection({180, 10}).forward(Point{179.9, 10}));
  EXPECT_NO_THROW(Projection({-180, 10}).forward(Point{-179.9, 10}));
}

/// Largest relative difference between our areas and the files' property `area_km2`.
double largest_area_difference(const std::vector<Feature>& features) {
  const auto polygons = test::polygons_of(features);
  double largest = 0;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const double stated = std::stod(features[i].properties.at("area_km2"));
    largest = std::max(largest, std::abs(polygons.area_km2(static_cast<int>(i)) / stated - 1));
  }
  return largest;
}

TEST(Projection, ChicagoAreasAreWithinThreePerMilleOfTheFiles) {
  EXPECT_LT(largest_area_difference(test::shipped_districts("chicago")), .003);
}

class LapdAreas : public testing::TestWithParam<const char*> {};

TEST_P(LapdAreas, AreWithinThreePerMilleOfTheFiles) {
  const std::string file = std::string("lapd_boundaries/") + GetParam() + ".geojson.xz";
  PRECINCT_NEED_SHARED_DATA(file);
  EXPECT_LT(largest_area_difference(test::features_of(test::shared_data(file))), .003);
}

INSTANTIATE_TEST_SUITE_P(Boundaries, LapdAreas,
                         testing::Values("bureaus", "divisions", "basic_car_areas",
                                         "reporting_districts"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace precinct::data
