// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/boundary_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

const std::filesystem::path kWestLa = PRECINCT_SOURCE_DIR "/data/west_la/districts.geojson.xz";

std::string feature(const std::string& properties, double x) {
  return fmt::format(
      R"({{"type":"Feature","properties":{},"geometry":{{"type":"Polygon","coordinates":[[[{},34],[{},34],[{},35],[{},34]]]}}}})",
      properties, x, x + 1, x, x);
}

std::filesystem::path write(const test::TemporaryFolder& folder, const std::string& features) {
  write_file_atomically(folder / "b.geojson",
                        R"({"type":"FeatureCollection","features":[)" + features + "]}");
  return folder / "b.geojson";
}

TEST(BoundaryFile, DistrictsAreOrderedByCodeWhateverTheFilesOrder) {
  test::TemporaryFolder folder;
  const auto path =
      write(folder, feature(R"({"k":"0100","n":"hundred"})", 1) + "," +
                        feature(R"({"k":"E1"})", 2) + "," + feature(R"({"k":"20"})", 3));
  const auto found = read_boundaries(path, {"k", "n", ""});
  ASSERT_EQ(found.nodes.size(), 3U);
  EXPECT_EQ(found.nodes[0].code, "20");
  EXPECT_EQ(found.nodes[1].code, "100");
  EXPECT_EQ(found.nodes[1].name, "hundred");
  EXPECT_EQ(found.nodes[2].code, "E1");
  EXPECT_NEAR(found.polygons->centroid(0).x, 3 + 1 / 3.0, 1e-6) << "polygons go with their codes";
}

TEST(BoundaryFile, MissingCodeNamesTheFeatureAndTheProperty) {
  test::TemporaryFolder folder;
  const auto path = write(folder, feature(R"({"k":"1"})", 1) + "," + feature(R"({"q":"2"})", 2));
  try {
    read_boundaries(path, {"k", "", ""});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("feature 1"));
    EXPECT_THAT(error.what(), testing::HasSubstr("'k'"));
    EXPECT_THAT(error.what(), testing::HasSubstr("only q"));
  }
}

TEST(BoundaryFile, PatternsKeepSomeDistricts) {
  EXPECT_EQ(read_boundaries(kWestLa, {"number", "", ""}).nodes.size(), 69U);
  EXPECT_EQ(read_boundaries(kWestLa, {"number", "", ""}, {"80?"}).nodes.size(), 9U);
  EXPECT_EQ(read_boundaries(kWestLa, {"number", "", ""}, {"801", "89*"}).nodes.size(), 9U);
  EXPECT_THROW(read_boundaries(kWestLa, {"number", "", ""}, {"9*"}), DataError);
}

TEST(BoundaryFile, PatternsFitAsInAShell) {
  EXPECT_TRUE(fits_pattern("841", "*"));
  EXPECT_TRUE(fits_pattern("841", "8*1"));
  EXPECT_TRUE(fits_pattern("841", "8?1"));
  EXPECT_FALSE(fits_pattern("841", "8?"));
  EXPECT_FALSE(fits_pattern("841", "9*"));
  EXPECT_TRUE(fits_pattern("", "*"));
}

TEST(BoundaryFile, OtherTextIsRefused) {
  test::TemporaryFolder folder;
  write_file_atomically(folder / "a", "hello");
  EXPECT_THROW(read_boundaries(folder / "a", {"k", "", ""}), DataError);
  EXPECT_THROW(read_boundaries(folder / "none", {"k", "", ""}), IoError);
}

}  // namespace
}  // namespace precinct::data
