// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/district_locator.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace precinct::data {
namespace {

/// Unit squares of .01 degrees side by side from (-118, 34) to the east.
std::shared_ptr<const PolygonSet> squares(int count) {
  std::vector<MultiPolygon> polygons;
  for (int i = 0; i < count; ++i) {
    const double x = -118 + .01 * i, y = 34;
    polygons.push_back({{{{x, y}, {x + .01, y}, {x + .01, y + .01}, {x, y + .01}, {x, y}}}});
  }
  return std::make_shared<PolygonSet>(polygons);
}

std::vector<Node> nodes(const std::vector<std::string>& codes) {
  std::vector<Node> result;
  for (const auto& code : codes) result.push_back({code, code, "", 0, 0, 0});
  return result;
}

TEST(DistrictLocator, CodesAreFoundWhateverTheirLeadingZeros) {
  const auto locator = DistrictLocator::by_code(nodes({"77", "78"}), squares(2));
  EXPECT_EQ(locator.find_code("0078"), 1);
  EXPECT_EQ(locator.find_code(" 77 "), 0);
  EXPECT_EQ(locator.find_code("79"), std::nullopt);
  EXPECT_EQ(locator.find_code(""), std::nullopt);
}

TEST(DistrictLocator, DoubledCodeIsRefused) {
  EXPECT_THROW(DistrictLocator::by_code(nodes({"1", "1"}), squares(2)), DataError);
}

TEST(DistrictLocator, PointsAreInsideOrGoToTheNearestWithin250Metres) {
  const auto locator = DistrictLocator::by_point(nodes({"1", "2"}), squares(2));
  const double metre = 1 / 111'320.0;
  const auto inside = locator.find_point({-117.995, 34.005});
  ASSERT_TRUE(inside);
  EXPECT_EQ(inside->district, 0);
  EXPECT_FALSE(inside->nearest);
  const auto near = locator.find_point({-117.985, 34 - 240 * metre});
  ASSERT_TRUE(near);
  EXPECT_EQ(near->district, 1);
  EXPECT_TRUE(near->nearest);
  EXPECT_FALSE(locator.find_point({-117.985, 34 - 260 * metre}));
}

TEST(DistrictLocator, PointOnACommonBorderIsInBothAndTheFirstIsTaken) {
  const auto locator = DistrictLocator::by_point(nodes({"1", "2"}), squares(2));
  const auto border = locator.find_point({-117.99, 34.005});
  ASSERT_TRUE(border);
  EXPECT_EQ(border->district, 0);
  EXPECT_TRUE(border->in_several);
}

TEST(DistrictLocator, GridMultipliesSoThatPointsOnEdgesFallAsInTheReference) {
  const auto locator =
      DistrictLocator::by_grid(GridSpec::parse("41.644604096,-87.927881741,14,12,37,28"));
  EXPECT_EQ(locator.find_point({-87.927881741, 41.644604096})->district, 0);
  EXPECT_EQ(locator.find_point({-87.52452938, 42.02267125})->district, 13 * 12 + 11);
  EXPECT_FALSE(locator.find_point({-87.927881742, 41.7}));
  EXPECT_FALSE(locator.find_point({-87.9, 41.644604096 + 14.01 / 37}));
}

TEST(DistrictLocator, GridNodesAreRowMajorWithShapes) {
  const auto locator = DistrictLocator::by_grid(GridSpec::parse("10,20,2,3,1,1"));
  Panel panel;
  const auto final = locator.fill_places(std::vector<std::uint8_t>(6, 0), panel);
  ASSERT_EQ(panel.nodes.size(), 6U);
  EXPECT_EQ(final[4], 4);
  EXPECT_EQ(panel.nodes[4].code, "r01c01");
  EXPECT_NEAR(panel.nodes[4].latitude, 11.5, 1e-9);
  EXPECT_NEAR(panel.nodes[4].longitude, 21.5, 1e-9);
  EXPECT_NEAR(panel.nodes[0].area_km2, 12'150, 250);
}

TEST(DistrictLocator, GridTextThatIsNotSixNumbersIsRefused) {
  for (const char* text :
       {"", "1,2,3", "1,2,0,4,5,6", "1,2,3,4,5,x", "1,2,3,4,5,0", "1,2,3,4,5,6,7"})
    EXPECT_THROW(GridSpec::parse(text), ConfigError) << text;
}

TEST(DistrictLocator, WithoutBoundariesTheCodesThatOccurAreOrderedByValue) {
  const auto locator = DistrictLocator::discover();
  EXPECT_EQ(locator.find_code("100"), 0);
  EXPECT_EQ(locator.find_code("20"), 1);
  EXPECT_EQ(locator.find_code("E01"), 2);
  EXPECT_EQ(locator.find_code("unused"), 3);
  Panel panel;
  const auto final = locator.fill_places({1, 1, 1, 0}, panel);
  EXPECT_EQ(final, (std::vector<std::int32_t>{1, 0, 2, -1}));
  EXPECT_EQ(panel.nodes[0].code, "20");
  EXPECT_TRUE(panel.geometry.empty());
}

TEST(DistrictLocator, UnknownCodesAreCountedUnderTheirDivisionWhenAsked) {
  auto locator = DistrictLocator::by_code(nodes({"801", "802", "901"}), squares(3));
  locator.count_unknown_under_parent(2);
  const auto eight = locator.find_code("899"), nine = locator.find_code("942");
  ASSERT_TRUE(eight && nine);
  EXPECT_FALSE(locator.find_code("1001")) << "a division without any district is unknown";
  Panel panel;
  std::vector<std::uint8_t> used(locator.num_indexes(), 0);
  used[static_cast<std::size_t>(*nine)] = 1;
  const auto final = locator.fill_places(used, panel);
  ASSERT_EQ(panel.nodes.size(), 4U) << "an extra node only where it is needed";
  EXPECT_EQ(final[static_cast<std::size_t>(*nine)], 3);
  EXPECT_EQ(panel.nodes[3].code, "9*");
  EXPECT_EQ(panel.nodes[3].parent, "9");
  EXPECT_EQ(panel.geometry_offset.size(), 5U);
}

}  // namespace
}  // namespace precinct::data
