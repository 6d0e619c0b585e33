// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/rng.h"
#include "data/store/panel_store.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

using test::ProgramResult;
using testing::HasSubstr;
using Words = std::vector<std::string>;

const std::string kSource = PRECINCT_SOURCE_DIR;
const std::string kCsv = kSource + "/data/west_la/incidents.csv.xz";
const std::string kBoundaries = kSource + "/data/west_la/districts.geojson.xz";

Words ingest_words(const std::string& out, const Words& more) {
  Words words = {test::precinct_program(), "ingest", "--out", out};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words west_la_words(const std::string& out) {
  return ingest_words(out, {"--profile", "lapd", "--boundaries", kBoundaries, kCsv});
}

/// Names and hashes of all files below a folder.
std::string listing(const std::filesystem::path& folder) {
  Words lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    lines.push_back(entry.path().string() +
                    (entry.is_regular_file() ? " " + sha256_file(entry.path()) : ""));
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}", fmt::join(lines, "\n"));
}

TEST(IngestCommand, WestLaIsIngestedWithOneCommand) {
  test::TemporaryFolder folder;
  const std::string out = folder / "new/panel.h5";
  auto words = west_la_words(out);
  words.emplace_back("--json");
  const ProgramResult result = test::run_program(words);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["bins"], 504);
  EXPECT_EQ(json["districts"], 69);
  EXPECT_EQ(json["categories"], 3);
  EXPECT_EQ(json["quality"]["rows_read"], 12'954);
  EXPECT_EQ(data::read_panel(out).num_bins, 504);
  const auto provenance = nlohmann::json::parse(read_file(out + ".provenance.json"));
  EXPECT_THAT(provenance["command"].get<std::string>(), HasSubstr("ingest --out"));
  EXPECT_EQ(provenance["inputs"][0]["sha256"], sha256_file(kCsv));
}

TEST(IngestCommand, AnyTableIsReadWithTheGenericProfileAndItsColumnsNamed) {
  test::TemporaryFolder folder;
  write_file_atomically(
      folder / "a.csv",
      "nr,when,ward,what\n1,05.03.2020 14:30,E1,THEFT\n2,06.03.2020 0:10,E2,FRAUD\n");
  const ProgramResult result = test::run_program(ingest_words(
      folder / "panel.h5",
      {"--profile", "generic", "--column", "id=nr", "--column", "time=when", "--column",
       "district=ward", "--column", "category=what", "--time-format", "%d.%m.%Y %H:%M",
       "--time-zone", "Europe/London", "--bin", "hours:12", folder / "a.csv"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const data::Panel panel = data::read_panel(folder / "panel.h5");
  EXPECT_EQ(panel.num_bins, 4);
  EXPECT_EQ(panel.num_nodes, 2);
  EXPECT_EQ(panel.count(1, 0, 1), 1U);
  EXPECT_EQ(panel.count(2, 1, 0), 1U);
  EXPECT_EQ(panel.time_zone, "Europe/London");
}

TEST(IngestCommand, MemoryIsBoundedWhateverTheSizeOfTheInput) {
  test::TemporaryFolder folder;
  const std::string row =
      ",03/05/2019 12:00:00 AM,03/05/2019 12:00:00 AM,2230,377,624," + std::string(200, 'x') + "\n";
  std::string block;
  for (int i = 0; i < 1000; ++i) block += std::to_string(i) + row;
  {
    std::ofstream file(folder / "large.csv");
    file << "DR_NO,Date Rptd,DATE OCC,TIME OCC,Rpt Dist No,Crm Cd,LOCATION\n";
    for (int i = 0; i < 900; ++i) file << block;  // 240 MB
  }
  const ProgramResult result = test::run_program(
      ingest_words(folder / "panel.h5", {"--profile", "lapd", folder / "large.csv"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("rows read 900000 = accepted 1000 + rejected 0"));
  // beside what the program takes to start, most of it LibTorch
  const ProgramResult start = test::run_program({test::precinct_program(), "--version"});
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr long kKib = 768 * 1024;  // shadow memory, freed blocks kept back
#else
  constexpr long kKib = 64 * 1024;
#endif
  EXPECT_LT(result.max_rss_kib - start.max_rss_kib, kKib);
}

TEST(IngestCommand, HelpHasAnExampleThatNamesTheRepositorysData) {
  const ProgramResult result = test::run_program({test::precinct_program(), "ingest", "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("Example: precinct ingest --profile lapd"));
  EXPECT_THAT(result.out, HasSubstr("--keep-audit-fields"));
}

struct BadInput {
  const char* name;
  Words words;  // @ stands for the test's folder
  int exit_code;
  const char* says;
};

void PrintTo(const BadInput& bad, std::ostream* stream) { *stream << bad.name; }

class IngestRefuses : public testing::TestWithParam<BadInput> {};

TEST_P(IngestRefuses, WithItsExitCodeOneLineAndAnUnchangedFolder) {
  test::TemporaryFolder folder;
  const std::string xz = read_file(kCsv);
  write_file_atomically(folder / "empty.csv", "");
  write_file_atomically(folder / "header.csv",
                        "DR_NO,Date Rptd,DATE OCC,TIME OCC,Rpt Dist No,Crm Cd,LAT,LON\n");
  write_file_atomically(folder / "utf16.csv", std::string("\xFF\xFE"
                                                          "D\0R\0",
                                                          6));
  write_file_atomically(folder / "quote.csv",
                        "DR_NO,Date Rptd,DATE OCC,TIME OCC,Rpt Dist No,Crm Cd\n1,\"open,2\n3\n");
  write_file_atomically(folder / "cut.csv.xz", xz.substr(0, xz.size() / 2));
  write_file_atomically(folder / "points.csv", "01/01/2016 01:00:00 AM,THEFT,41.9,-87.7\n");
  write_file_atomically(
      folder / "other.geojson",
      R"({"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"x"},"geometry":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}}]})");
  const std::string before = listing(folder.path());
  Words words = {test::precinct_program(), "ingest"};
  for (std::string word : GetParam().words) {
    if (word.starts_with("@")) word = folder.path().string() + word.substr(1);
    words.push_back(word);
  }
  const ProgramResult result = test::run_program(words);
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("expected"));
  EXPECT_THAT(result.err, HasSubstr(GetParam().says));
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(listing(folder.path()), before);
}

Words lapd(const std::string& csv, const Words& more = {}) {
  Words words = {"--profile", "lapd", "--boundaries", kBoundaries, "--out", "@/out/panel.h5", csv};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

INSTANTIATE_TEST_SUITE_P(
    Table, IngestRefuses,
    testing::Values(
        BadInput{"MissingFile", lapd("@/none.csv"), 6, "none.csv: No such file"},
        BadInput{"MissingBoundaries",
                 {"--profile", "lapd", "--boundaries", "@/none.geojson", "--out", "@/p.h5", kCsv},
                 6,
                 "none.geojson: No such file"},
        BadInput{"UnknownProfile", {"--profile", "nypd", "--out", "@/p.h5", kCsv}, 2, "lapd"},
        BadInput{"WrongProfile", lapd("@/points.csv"), 2, "is this the right profile?"},
        BadInput{"EmptyFile", lapd("@/empty.csv"), 3, "empty file"},
        BadInput{"HeaderOnly", lapd("@/header.csv"), 3, "found none"},
        BadInput{"Utf16", lapd("@/utf16.csv"), 3, "utf16.csv:1: byte 0"},
        BadInput{"QuoteThatNeverCloses", lapd("@/quote.csv"), 3, "quote.csv:2"},
        BadInput{"TruncatedFile", lapd("@/cut.csv.xz"), 3, "cut short"},
        BadInput{"BoundariesWithoutTheCode",
                 {"--profile", "lapd", "--boundaries", "@/other.geojson", "--out", "@/p.h5", kCsv},
                 3,
                 "'number'"},
        BadInput{"BoundariesThatAreNone",
                 {"--profile", "lapd", "--boundaries", "@/points.csv", "--out", "@/p.h5", kCsv},
                 3,
                 "GeoJSON"},
        BadInput{"PointsWithoutBoundaries",
                 {"--profile", "chicago_points", "--out", "@/p.h5", "@/points.csv"},
                 2,
                 "--grid"},
        BadInput{"UnknownBin", lapd(kCsv, {"--bin", "hours:5"}), 2, "hours:5"},
        BadInput{"BadGrid", lapd(kCsv, {"--grid", "1,2,3"}), 2, "'1,2,3'"},
        BadInput{"UnknownCategories", lapd(kCsv, {"--categories", "nibrs"}), 2,
                 "crime_against, part"},
        BadInput{"UnknownZone", lapd(kCsv, {"--time-zone", "Mars/Olympus"}), 2, "Mars/Olympus"},
        BadInput{"PersonField", lapd(kCsv, {"--column", "category=Vict Sex"}), 2, "person"},
        BadInput{"UnknownGraph", lapd(kCsv, {"--graph", "ring"}), 2, "'ring'"},
        BadInput{"DayThatIsNone", lapd(kCsv, {"--complete-through", "2021-02-30"}), 2,
                 "2021-02-30"},
        BadInput{"RangeWithoutRows", lapd(kCsv, {"--from", "2030-01-01"}), 3, "found none"},
        BadInput{"OutIsAFolder", {"--profile", "lapd", "--out", "@", kCsv}, 2, "--out"},
        BadInput{"OutUnderAFile",
                 {"--profile", "lapd", "--out", "@/points.csv/p.h5", kCsv},
                 6,
                 "points.csv"},
        BadInput{"AuditFileOnAFullDevice", lapd(kCsv, {"--keep-audit-fields", "/dev/full/x"}), 6,
                 "/dev/full"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(IngestCommand, FullDiskIsExitSixAndLeavesTheFolderAsItWas) {
  test::TemporaryFolder folder;
  const std::string disk = folder.path().string();
  for (const char* size : {"16k", "64k", "256k", "400k"}) {
    // A small disk of its own, seen by the child only; what it holds afterwards is printed by it.
    std::string command = "echo old > " + disk + "/note; ";
    for (const auto& word : west_la_words(disk + "/panel.h5")) command += "'" + word + "' ";
    command += "; code=$?; cd " + disk + " && ls -A; exit $code";
    const ProgramResult result = test::run_program({"/bin/sh", "-c", command}, -1, [&] {
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("precinct", disk.c_str(), "tmpfs", 0, (std::string("size=") + size).c_str()) != 0)
        ::_exit(99);
    });
    if (result.exit_code == 99) GTEST_SKIP() << "not run: mounting a small disk needs root";
    EXPECT_EQ(result.exit_code, 6) << size << result.err;
    EXPECT_EQ(result.out, "note\n") << size;
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST(IngestCommand, KilledAtAnyMomentThePanelIsAbsentOrCompleteAndTheNextRunIsTheSame) {
  constexpr std::uint64_t kSeed = 1'124;
  test::TemporaryFolder folder;
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  ASSERT_EQ(test::run_program(west_la_words(folder / "whole/panel.h5")).exit_code, 0);
  const auto whole_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
  const std::string expected = sha256_file(folder / "whole/panel.h5");
  int killed = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto panel = folder / ("run" + std::to_string(i) + "/panel.h5");
    const int moment = static_cast<int>(uniform(kSeed, i) * 1.1 * static_cast<double>(whole_ms));
    const ProgramResult result = test::run_program(west_la_words(panel), moment);
    killed += result.exit_code == 128 + SIGKILL;
    if (std::filesystem::exists(panel)) {
      EXPECT_EQ(sha256_file(panel), expected)
          << "seed " << kSeed << ", killed after " << moment << " ms";
      EXPECT_NO_THROW(data::read_panel(panel)) << "with its checksum";
    }
    if (i % 4 != 0) continue;
    ASSERT_EQ(test::run_program(west_la_words(panel)).exit_code, 0);
    EXPECT_EQ(sha256_file(panel), expected);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(panel.parent_path()), {}), 6)
        << "nothing of the killed run is left";
  }
  EXPECT_GT(killed, 0);
}

}  // namespace
}  // namespace precinct
