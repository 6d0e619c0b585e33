// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/ingest_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/ingest/ingest.h"
#include "data/store/panel_store.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

Panel small_panel() {
  Panel panel;
  panel.num_bins = 2;
  panel.num_nodes = panel.num_categories = 1;
  panel.counts = CountArray::from_u32({3, 4});
  panel.axis = BinAxis(BinSpec::parse("day"), {18'000, 0});
  panel.nodes = {{"1", "one", "", 1, 34, -118}};
  panel.categories = {{"A", "A", false}};
  return panel;
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(IngestOutput, AllFilesAppearTogether) {
  test::TemporaryFolder folder;
  IngestOutput output(folder / "panel.h5", folder / "audit.csv");
  output.audit()->write("id,age\n");
  output.commit(small_panel(), {}, "{}");
  EXPECT_EQ(read_file(folder / "audit.csv"), "id,age\n");
  EXPECT_EQ(read_file(folder / "rejects.csv"), reject_header());
  EXPECT_EQ(read_panel(folder / "panel.h5").count(1, 0, 0), 4U);
  for (const char* name :
       {"quality.json", "quality.txt", "panel.h5.provenance.json", "panel.h5.sha256"})
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
}

TEST(IngestOutput, OnlyTheFilesNamedRemainAfterCommit) {
  test::TemporaryFolder folder;
  { IngestOutput(folder / "panel.h5", std::nullopt).commit(small_panel(), {}, "{}"); }
  EXPECT_THAT(names_in(folder.path()),
              testing::ElementsAre("panel.h5", "panel.h5.provenance.json", "panel.h5.sha256",
                                   "quality.json", "quality.txt", "rejects.csv"));
}

TEST(IngestOutput, PanelsOfOneFolderKeepTheirReportsApart) {
  test::TemporaryFolder folder;
  { IngestOutput(folder / "la.h5", std::nullopt).commit(small_panel(), {}, "{}"); }
  EXPECT_THAT(names_in(folder.path()),
              testing::ElementsAre("la.h5", "la.h5.provenance.json", "la.h5.sha256",
                                   "la.quality.json", "la.quality.txt", "la.rejects.csv"));
}

TEST(IngestOutput, NothingIsLeftWithoutCommitAndAnOldPanelStays) {
  test::TemporaryFolder folder;
  { IngestOutput(folder / "panel.h5", std::nullopt).commit(small_panel(), {}, "{}"); }
  const auto before = names_in(folder.path());
  const auto bytes = read_file(folder / "panel.h5");
  {
    IngestOutput output(folder / "panel.h5", folder / "audit.csv");
    output.rejects().write("x\n");
  }
  EXPECT_EQ(names_in(folder.path()), before);
  EXPECT_EQ(read_file(folder / "panel.h5"), bytes);
}

TEST(IngestOutput, PersonFieldsAreForTheirOwnerAndNotLeftByAKilledIngest) {
  test::TemporaryFolder folder;
  std::ofstream(folder / ".audit.csv.ingest-999999999") << "id,age\n1,44\n";  // no such process
  {
    IngestOutput output(folder / "panel.h5", folder / "audit.csv");
    output.audit()->write("id,age\n");
    for (const auto& name : names_in(folder.path())) EXPECT_TRUE(name.starts_with(".")) << name;
    output.commit(small_panel(), {}, "{}");
  }
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(folder / "audit.csv").permissions(),
            perms::owner_read | perms::owner_write);
  EXPECT_FALSE(std::filesystem::exists(folder / ".audit.csv.ingest-999999999"));
}

TEST(IngestOutput, FoldersThatWereMadeGoAgainWhenNothingComes) {
  test::TemporaryFolder folder;
  { IngestOutput output(folder / "a/b/panel.h5", std::nullopt); }
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  { IngestOutput(folder / "a/b/panel.h5", std::nullopt).commit(small_panel(), {}, "{}"); }
  EXPECT_TRUE(std::filesystem::exists(folder / "a/b/panel.h5"));
}

TEST(IngestOutput, LeftOversOfAKilledIngestAreRemovedAndThoseOfALivingOneAreNot) {
  test::TemporaryFolder folder;
  const auto dead = folder / ".panel.h5.ingest-999999999",
             living = folder / (".panel.h5.ingest-" + std::to_string(::getppid()));
  std::filesystem::create_directory(dead);
  std::filesystem::create_directory(living);
  { IngestOutput output(folder / "panel.h5", std::nullopt); }
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(living));
}

TEST(IngestOutput, FolderAsNameAndFileAsFolderAreRefused) {
  test::TemporaryFolder folder;
  EXPECT_THROW(IngestOutput(folder.path(), std::nullopt), ConfigError);
  write_file_atomically(folder / "file", "x");
  EXPECT_THROW(IngestOutput(folder / "file/panel.h5", std::nullopt), IoError);
}

}  // namespace
}  // namespace precinct::data
