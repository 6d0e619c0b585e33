// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/districts_of_panel.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace precinct::data {
namespace {

IngestOptions options(const std::string& profile) {
  IngestOptions o;
  o.profile = SourceProfile::load(profile, {PRECINCT_SOURCE_DIR "/configs/sources"});
  return o;
}

TEST(DistrictsOfPanel, ProfileAndOptionsSayHowDistrictsAreFound) {
  IngestOptions o = options("lapd");
  EXPECT_EQ(make_locator(o).mode(), DistrictLocator::Mode::kDiscover);
  o.boundaries = PRECINCT_SOURCE_DIR "/data/west_la/districts.geojson.xz";
  EXPECT_EQ(make_locator(o).mode(), DistrictLocator::Mode::kCode);
  o.locate_by_point = true;
  EXPECT_EQ(make_locator(o).mode(), DistrictLocator::Mode::kPoint);
  o.grid = GridSpec::parse("34,-118,2,3,10,10");
  EXPECT_EQ(make_locator(o).mode(), DistrictLocator::Mode::kGrid);
}

TEST(DistrictsOfPanel, PointsWithoutPolygonsOrGridAreRefused) {
  EXPECT_THROW(make_locator(options("chicago_points")), ConfigError);
}

TEST(DistrictsOfPanel, UnknownDistrictsNeedARuleForTheirParent) {
  IngestOptions o = options("lapd");
  o.boundaries = PRECINCT_SOURCE_DIR "/data/west_la/districts.geojson.xz";
  o.unknown_under_parent = true;
  EXPECT_EQ(make_locator(o).num_indexes(), 70U);
  o.profile.parent_drops_digits = 0;
  EXPECT_THROW(make_locator(o), ConfigError);
}

TEST(DistrictsOfPanel, GraphKindsAreCheckedByName) {
  for (const char* kind : {"adjacency", "queen", "none", "knn:5", "file:edges.csv"})
    EXPECT_NO_THROW(check_graph_kind(kind)) << kind;
  for (const char* kind : {"", "ring", "knn:", "knn:0", "knn:5x", "knn:-1"})
    EXPECT_THROW(check_graph_kind(kind), ConfigError) << kind;
}

TEST(DistrictsOfPanel, GridGraphHasFourOrEightNeighbours) {
  IngestOptions o = options("lapd");
  o.grid = GridSpec::parse("34,-118,3,3,10,10");
  const auto locator = make_locator(o);
  o.graph = "adjacency";
  EXPECT_EQ(make_graph(o, locator, {}).size(), 24);
  o.graph = "queen";
  EXPECT_EQ(make_graph(o, locator, {}).size(), 40);
  o.graph = "none";
  EXPECT_EQ(make_graph(o, locator, {}).size(), 0);
}

}  // namespace
}  // namespace precinct::data
