// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/geo/geometry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/rng.h"
#include "tests/support/boundaries.h"
#include "tests/support/long_form.h"

namespace precinct::data {
namespace {

using test::rectangle;
using testing::ElementsAre;
using testing::IsEmpty;

// A hundredth of a degree at the places below is about 923 m x 1,109 m.
constexpr double kX = -118.4, kY = 34.05, kStep = .01;
constexpr double kWidthMetres = 923.6, kHeightMetres = 1'109.2;

/// Two squares side by side, one that touches the second at a corner, and one far away.
PolygonSet four_squares() {
  return PolygonSet({{rectangle(kX, kY, kStep, kStep)},
                     {rectangle(kX + kStep, kY, kStep, kStep)},
                     {rectangle(kX + 2 * kStep, kY + kStep, kStep, kStep)},
                     {rectangle(kX + 10 * kStep, kY, kStep, kStep)}});
}

/// Even-odd rule over all rings (an independent form of point in polygon).
bool ray_crosses_oddly(const MultiPolygon& polygons, Point p) {
  bool inside = false;
  for (const Polygon& polygon : polygons) {
    for (const Ring& ring : polygon) {
      for (std::size_t i = 0, j = ring.size() - 1; i < ring.size(); j = i++) {
        const Point a = ring[i], b = ring[j];
        if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
          inside = !inside;
      }
    }
  }
  return inside;
}

TEST(PolygonSet, PointsAreFoundInsideOnBordersAndNowhere) {
  const auto set = four_squares();
  EXPECT_EQ(set.size(), 4);
  EXPECT_THAT(set.containing({kX + .005, kY + .005}), ElementsAre(0));
  EXPECT_THAT(set.containing({kX + kStep, kY + .005}), ElementsAre(0, 1)) << "a common border";
  EXPECT_THAT(set.containing({kX + 2 * kStep, kY + kStep}), ElementsAre(1, 2)) << "a corner";
  EXPECT_THAT(set.containing({kX - .005, kY}), IsEmpty());
}

TEST(PolygonSet, PointsInHolesAreOutsideAndAllPartsOfAMultiPolygonCount) {
  Polygon ring = rectangle(kX, kY, .03, .03);
  ring.push_back(rectangle(kX + .01, kY + .01, .01, .01)[0]);
  const PolygonSet set({{ring, rectangle(kX + .05, kY, .01, .01)}});
  EXPECT_THAT(set.containing({kX + .005, kY + .015}), ElementsAre(0));
  EXPECT_THAT(set.containing({kX + .015, kY + .015}), IsEmpty());
  EXPECT_THAT(set.containing({kX + .055, kY + .005}), ElementsAre(0));
  EXPECT_NEAR(set.area_km2(0), 9 * kWidthMetres * kHeightMetres / 1e6, .01 * 9);
}

TEST(PolygonSet, AgreesWithTheEvenOddRuleOnRealDistricts) {
  constexpr std::uint64_t kSeed = 4'711;
  std::cout << "seed " << kSeed << "\n";
  const auto features = test::shipped_districts("west_la");
  const auto set = test::polygons_of(features);
  int inside = 0;
  for (std::uint64_t i = 0, n = test::num_rounds(2'000); i < n; ++i) {
    const Point p{-118.57 + .22 * uniform(kSeed, 2 * i), 33.95 + .19 * uniform(kSeed, 2 * i + 1)};
    std::vector<int> expected;
    for (std::size_t d = 0; d < features.size(); ++d)
      if (ray_crosses_oddly(features[d].polygons, p)) expected.push_back(static_cast<int>(d));
    inside += !expected.empty();
    ASSERT_EQ(set.containing(p), expected) << p.x << " " << p.y;
  }
  EXPECT_GT(inside, 400);
}

TEST(PolygonSet, SelfIntersectionsAreRepairedAndCounted) {
  // A bow tie: two triangles of half the square's area in all.
  const PolygonSet set(
      {{{{{kX, kY}, {kX + .01, kY + .01}, {kX + .01, kY}, {kX, kY + .01}, {kX, kY}}}},
       {rectangle(kX + .02, kY, .01, .01)}});
  EXPECT_EQ(set.num_repaired(), 1);
  EXPECT_NEAR(set.area_km2(0), .5 * set.area_km2(1), 1e-3);
  EXPECT_THAT(set.containing({kX + .001, kY + .005}), ElementsAre(0));
  EXPECT_THAT(set.containing({kX + .005, kY + .001}), IsEmpty());
  EXPECT_EQ(four_squares().num_repaired(), 0);
}

TEST(PolygonSet, OneOfTheChicagoPolygonsNeedsRepair) {
  EXPECT_EQ(test::polygons_of(test::shipped_districts("chicago")).num_repaired(), 1);
}

TEST(PolygonSet, PolygonsWithoutAreaAreRefusedByNumber) {
  const Polygon line = {{{0, 0}, {1, 1}, {2, 2}, {0, 0}}};
  try {
    PolygonSet({{rectangle(0, 0, 1, 1)}, {line}});
    FAIL() << "expected DataError";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("polygon 1: expected an area"));
  }
}

TEST(PolygonSet, NearestIsByMetresAndWithinTheLimitOnly) {
  const auto set = four_squares();
  const double west_100m = kX - 100 / (kWidthMetres / kStep);
  EXPECT_EQ(set.nearest({west_100m, kY + .005}, 105), std::optional<int>(0));
  EXPECT_EQ(set.nearest({west_100m, kY + .005}, 95), std::nullopt);
  EXPECT_EQ(set.nearest({kX + .005, kY + .005}, 1), std::optional<int>(0)) << "inside: distance 0";
  EXPECT_EQ(set.nearest({kX + 6.5 * kStep, kY + .005}, 1e5), std::optional<int>(3))
      << "3.5 squares to the fourth, 4.5 and more to the others";
}

TEST(PolygonSet, AreasAndCentroidsOfSquares) {
  const auto set = four_squares();
  EXPECT_NEAR(set.area_km2(0), kWidthMetres * kHeightMetres / 1e6, .005);
  EXPECT_NEAR(set.centroid(1).x, kX + 1.5 * kStep, 1e-9);
  EXPECT_NEAR(set.centroid(1).y, kY + .5 * kStep, 1e-9);
}

TEST(PolygonSet, SharedBordersHaveTheirLengthAndCornersAreDropped) {
  const auto borders = four_squares().borders();
  ASSERT_EQ(borders.size(), 1U);
  EXPECT_EQ(borders[0].first, 0);
  EXPECT_EQ(borders[0].second, 1);
  EXPECT_NEAR(borders[0].metres, kHeightMetres, 5);
  const auto with_corners = four_squares().borders(20, -20);
  ASSERT_EQ(with_corners.size(), 2U);
  EXPECT_EQ(with_corners[1].first, 1);
  EXPECT_EQ(with_corners[1].second, 2);
  EXPECT_NEAR(with_corners[1].metres, 0, 5);
}

TEST(PolygonSet, BordersBridgeGapsNarrowerThanTheBuffer) {
  const auto borders_at_gap = [](double metres) {
    const double gap = metres / (kWidthMetres / kStep);
    return PolygonSet(
               {{rectangle(kX, kY, kStep, kStep)}, {rectangle(kX + kStep + gap, kY, kStep, kStep)}})
        .borders();
  };
  ASSERT_EQ(borders_at_gap(15).size(), 1U);
  EXPECT_NEAR(borders_at_gap(15)[0].metres, kHeightMetres, 40);
  EXPECT_EQ(borders_at_gap(25).size(), 0U);
}

TEST(PolygonSet, WkbRoundTripGivesTheSameRingsAndBytes) {
  const auto features = test::shipped_districts("west_la");
  const auto set = test::polygons_of(features);
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint64_t> offsets = {0};
  for (int i = 0; i < set.size(); ++i) {
    const auto one = set.wkb(i);
    bytes.insert(bytes.end(), one.begin(), one.end());
    offsets.push_back(bytes.size());
  }
  const auto back = PolygonSet::from_wkb(bytes, offsets);
  ASSERT_EQ(back.size(), set.size());
  for (int i = 0; i < set.size(); ++i) {
    EXPECT_EQ(back.wkb(i), set.wkb(i)) << i;
    const auto a = set.rings(i), b = back.rings(i);
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(a[0][0].size(), b[0][0].size());
    EXPECT_EQ(back.area_km2(i), set.area_km2(i)) << i;
  }
}

TEST(PolygonSet, DamagedWkbIsRefusedByNumber) {
  auto bytes = four_squares().wkb(0);
  const std::vector<std::uint64_t> offsets = {0, bytes.size()};
  bytes[1] = 99;  // no such type
  EXPECT_THROW(PolygonSet::from_wkb(bytes, offsets), DataError);
  const std::vector<std::uint64_t> cut = {0, bytes.size() / 2};
  EXPECT_THROW(PolygonSet::from_wkb(four_squares().wkb(0), cut), DataError);
  const std::vector<std::uint64_t> none = {0, 0};
  EXPECT_THROW(PolygonSet::from_wkb({}, none), DataError);
}

TEST(PolygonSet, SimplifiedRingsHaveFewerPointsAndNearlyTheSameArea) {
  const auto set = test::polygons_of(test::shipped_districts("chicago"));
  const auto points_of = [](const MultiPolygon& polygons) {
    std::size_t n = 0;
    for (const auto& polygon : polygons)
      for (const auto& ring : polygon) n += ring.size();
    return n;
  };
  std::size_t whole = 0, simple = 0;
  for (int i = 0; i < set.size(); ++i) {
    const auto rings = set.rings(i, 20);
    whole += points_of(set.rings(i));
    simple += points_of(rings);
    EXPECT_NEAR(PolygonSet({rings}).area_km2(0) / set.area_km2(i), 1, .05) << i;
  }
  EXPECT_LT(2 * simple, whole);
}

TEST(PolygonSet, ThreadsMayAskAtOnce) {
  const auto features = test::shipped_districts("west_la");
  const auto points = [](std::uint64_t i) {
    return Point{-118.57 + .22 * uniform(3, 2 * i), 33.95 + .19 * uniform(3, 2 * i + 1)};
  };
  constexpr std::uint64_t kNumPoints = 3'000;
  std::vector<std::vector<int>> expected;
  std::vector<std::optional<int>> nearest;
  {
    const auto set = test::polygons_of(features);
    for (std::uint64_t i = 0; i < kNumPoints; ++i) {
      expected.push_back(set.containing(points(i)));
      nearest.push_back(set.nearest(points(i), 250));
    }
  }
  const auto fresh = test::polygons_of(features);  // never asked before: nothing is cached
  std::array<int, 4> wrong{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kNumPoints; ++i) {
        wrong[t] += fresh.containing(points(i)) != expected[i];
        wrong[t] += fresh.nearest(points(i), 250) != nearest[i];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

}  // namespace
}  // namespace precinct::data
