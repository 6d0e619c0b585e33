// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

const std::string kSource = PRECINCT_SOURCE_DIR;

/// Standard output of `precinct ingest` of the records of West Los Angeles.
std::string summary(const Words& more) {
  const test::TemporaryFolder folder;
  Words words = {test::precinct_program(),
                 "ingest",
                 "--profile",
                 "lapd",
                 "--out",
                 folder / "panel.h5",
                 kSource + "/data/west_la/incidents.csv.xz"};
  write_file_atomically(folder / "edges.csv", "source,target\n0801,0802\n");
  for (std::string word : more) {
    if (word == "@edges.csv") word = "file:" + (folder / "edges.csv").string();
    words.push_back(word);
  }
  const auto result = test::run_program(words);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

TEST(IngestSummary, SaysWhatIsMissingWithoutBoundaries) {
  const std::string text = summary({});
  EXPECT_THAT(text, HasSubstr("0 borders\nno --boundaries: the districts are the codes of the rows "
                              "(one without an incident is missing) and have no geometry: no map"));
  EXPECT_THAT(text, HasSubstr("no neighbours (gat_tcn sees each district alone); ingest again with "
                              "--boundaries F"));
  EXPECT_EQ(nlohmann::json::parse(summary({"--json"}))["has_polygons"], false);
}

TEST(IngestSummary, SaysNothingOfItWithBoundaries) {
  const Words boundaries = {"--boundaries", kSource + "/data/west_la/districts.geojson.xz"};
  EXPECT_THAT(summary(boundaries), Not(HasSubstr("no --boundaries")));
  EXPECT_EQ(
      nlohmann::json::parse(summary({boundaries[0], boundaries[1], "--json"}))["has_polygons"],
      true);
}

}  // namespace
}  // namespace precinct
