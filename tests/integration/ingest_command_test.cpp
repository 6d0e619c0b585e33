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
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

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

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kLargeRows = 100'000;        // 27 MB: for the paths alone
constexpr long kSmallMemory = 768 * 1024;  // KiB; shadow memory, freed blocks kept back
#else
constexpr int kLargeRows = 900'000;  // 240 MB
constexpr long kSmallMemory = 64 * 1024;
#endif

/// How much more memory an ingest of kLargeRows takes than the program's start, KiB; `num_ids` of
/// the rows have ids of their own.
long kib_of_large_ingest(int num_ids) {
  test::TemporaryFolder folder;
  const std::string row =
      ",03/05/2019 12:00:00 AM,03/05/2019 12:00:00 AM,2230,377,624," + std::string(200, 'x') + "\n";
  {
    std::ofstream file(folder / "large.csv");
    file << "DR_NO,Date Rptd,DATE OCC,TIME OCC,Rpt Dist No,Crm Cd,LOCATION\n";
    for (int i = 0; i < kLargeRows; ++i) file << i % num_ids << row;
  }
  const ProgramResult result = test::run_program(
      ingest_words(folder / "panel.h5", {"--profile", "lapd", folder / "large.csv"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("rows read " + std::to_string(kLargeRows) + " = accepted " +
                                    std::to_string(num_ids) + " + rejected 0"));
  // beside what the program takes to start, most of it LibTorch
  const ProgramResult start = test::run_program({test::precinct_program(), "--version"});
  return result.max_rss_kib - start.max_rss_kib;
}

TEST(IngestCommand, MemoryGrowsWithTheIdsAloneWhateverTheSizeOfTheInput) {
  EXPECT_LT(kib_of_large_ingest(1'000), kSmallMemory);
  // 32 bytes an id, twice that while rows are added
  EXPECT_LT(kib_of_large_ingest(kLargeRows), kSmallMemory + 2 * 32 * kLargeRows / 1024);
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

/// One line: where, what was expected, what was found (the system's own words may say it), and what
/// to do.
auto is_line_of_four_parts() {
  return testing::MatchesRegex(
      "precinct: [^\n]+: ([^\n]*expected [^\n]+, found:? [^\n]+|[A-Z][^\n]+; expected [^\n]+); "
      "[^\n]+\n");
}

/// What was said beside the progress, which a slow machine gets to see.
std::string without_progress(const std::string& err) {
  std::string rest;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("ingest ")) rest += line + "\n";
  return rest;
}

TEST(IngestRefusal, OfThreePartsIsNoticed) {
  EXPECT_THAT("precinct: a.csv:2: expected a number, found 'x'; correct it\n",
              is_line_of_four_parts());
  EXPECT_THAT("precinct: a.csv: No such file; expected a CSV; name one\n", is_line_of_four_parts());
  for (const char* line : {"precinct: expected a number, found 'x'; correct it\n",
                           "precinct: a.csv:2: found 'x'; correct it\n",
                           "precinct: a.csv:2: expected a number; correct it\n",
                           "precinct: a.csv:2: expected a number, found 'x'\n",
                           "precinct: a.csv:2: expected a number,\nfound 'x'; correct it\n"})
    EXPECT_THAT(line, testing::Not(is_line_of_four_parts()));
  EXPECT_EQ(without_progress("ingest 9 % 1 bytes\ningest 100 % 9 bytes\nprecinct: a\n"),
            "precinct: a\n");
}

TEST_P(IngestRefuses, WithItsExitCodeOneLineOfFourPartsAndAnUnchangedFolder) {
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
  for (const auto& [name, text] : std::map<std::string, std::string>{
           {"narrow.csv", "crm_cd,crime_against\n510\n"},
           {"twice.csv", "crm_cd,crime_against\n510,Property\n510,Person\n"},
           {"no_codes.csv", "crm_cd,crime_against\n"},
           {"list.yaml", "- lapd\n"},
           {"broken.yaml", "columns: {time: a\n"},
           {"role.yaml", "columns: {when: a}\n"},
           {"key.yaml", "colums: {time: a}\n"},
           {"key_twice.yaml", "name: a\nname: b\n"},
           {"half.yaml", "columns: {time: a}\n"},
           {"formats.yaml", "columns: {time: a, category: b}\n"}})
    write_file_atomically(folder / name, text);
  const std::string before = listing(folder.path());
  Words words = {test::precinct_program(), "ingest"};
  for (std::string word : GetParam().words) {
    if (word.starts_with("@")) word = folder.path().string() + word.substr(1);
    words.push_back(word);
  }
  const ProgramResult result = test::run_program(words);
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.err;
  EXPECT_THAT(without_progress(result.err), is_line_of_four_parts());
  EXPECT_THAT(result.err, HasSubstr(GetParam().says));
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(listing(folder.path()), before);
}

Words lapd(const std::string& csv, const Words& more = {}) {
  Words words = {"--profile", "lapd", "--boundaries", kBoundaries, "--out", "@/out/panel.h5", csv};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words profile(const std::string& name) {
  return {"--profile", "@/" + name + ".yaml", "--out", "@/out/panel.h5", kCsv};
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
        BadInput{"BoundariesAndGrid", lapd(kCsv, {"--grid", "34,-118.6,5,5,37,28"}), 2,
                 "--grid and --boundaries"},
        BadInput{"RangeFromItsEnd",
                 lapd(kCsv, {"--from", "2021-01-01", "--complete-through", "2020-06-01"}), 2,
                 "found 2021-01-01 after 2020-06-01"},
        BadInput{"UnknownCategories", lapd(kCsv, {"--categories", "nibrs"}), 2,
                 "crime_against, part"},
        BadInput{"UnknownColumnRole", lapd(kCsv, {"--column", "when=DATE OCC"}), 2, "'when'"},
        BadInput{"CodeMapMissing", lapd(kCsv, {"--code-map", "@/no.csv"}), 6,
                 "no.csv: No such file"},
        BadInput{"CodeMapWithAnotherHeader", lapd(kCsv, {"--code-map", "@/points.csv"}), 3,
                 "points.csv:1"},
        BadInput{"CodeMapWithAShortLine", lapd(kCsv, {"--code-map", "@/narrow.csv"}), 3,
                 "narrow.csv:2"},
        BadInput{"CodeMapWithTwoCategories", lapd(kCsv, {"--code-map", "@/twice.csv"}), 3,
                 "twice.csv:3"},
        BadInput{"CodeMapWithoutCodes", lapd(kCsv, {"--code-map", "@/no_codes.csv"}), 3,
                 "no_codes.csv"},
        BadInput{"ProfileThatIsAList", profile("list"), 2, "list.yaml"},
        BadInput{"ProfileThatIsNoYaml", profile("broken"), 2, "broken.yaml:"},
        BadInput{"ProfileWithAnUnknownRole", profile("role"), 2, "role.yaml:1: columns.when"},
        BadInput{"ProfileWithAnUnknownKey", profile("key"), 2, "key.yaml:1: colums"},
        BadInput{"ProfileWithAKeyTwice", profile("key_twice"), 2, "key_twice.yaml:2: name"},
        BadInput{"ProfileWithoutACategory", profile("half"), 2, "columns.category"},
        BadInput{"ProfileWithoutTimeFormats", profile("formats"), 2, "time_formats"},
        BadInput{"UnknownZone", lapd(kCsv, {"--time-zone", "Mars/Olympus"}), 2, "Mars/Olympus"},
        BadInput{"PersonField", lapd(kCsv, {"--column", "category=Vict Sex"}), 2, "person"},
        BadInput{"UnknownGraph", lapd(kCsv, {"--graph", "ring"}), 2, "'ring'"},
        BadInput{"DayThatIsNone", lapd(kCsv, {"--complete-through", "2021-02-30"}), 2,
                 "2021-02-30"},
        BadInput{"RangeWithoutRows", lapd(kCsv, {"--from", "2030-01-01"}), 3, "found none"},
        BadInput{"TimesInAnotherForm", lapd(kCsv, {"--time-format", "%Y/%m/%d"}), 3,
                 "in 12954 rows: 12954 bad_date (incidents.csv.xz:2: expected a date as %Y/%m/%d, "
                 "found '"},
        BadInput{"OutIsTheInput",
                 {"--profile", "lapd", "--out", "@/points.h5", "@/points.h5"},
                 2,
                 "--out: expected another file than an input, which is read"},
        BadInput{"AuditFileIsTheInput",
                 {"--profile", "lapd", "--out", "@/p.h5", "--keep-audit-fields", "@/points.csv",
                  "@/points.csv"},
                 2,
                 "--keep-audit-fields: expected another file than an input"},
        BadInput{"AuditFileIsTheRejects", lapd(kCsv, {"--keep-audit-fields", "@/out/rejects.csv"}),
                 2,
                 "--keep-audit-fields: expected another file than rejects.csv, which is written"},
        BadInput{"RejectsAreTheInput",
                 {"--profile", "lapd", "--out", "@/panel.h5", "@/rejects.csv"},
                 2,
                 "rejects.csv: expected another file than an input"},
        BadInput{"GridWithoutEnd",
                 {"--profile", "chicago_points", "--grid", "34,-118.5,100000,100000,50,50", "--out",
                  "@/p.h5", "@/points.csv"},
                 2,
                 "at most 1000000 cells"},
        BadInput{"GraphWithoutBoundaries",
                 {"--profile", "lapd", "--graph", "queen", "--out", "@/p.h5", kCsv},
                 2,
                 "--graph: expected --boundaries beside it"},
        BadInput{"NamePropertyThatIsNot", lapd(kCsv, {"--name-property", "nope"}), 3,
                 "expected a property 'nope' of a district"},
        BadInput{"CategoriesTwice",
                 lapd(kCsv, {"--categories", "part", "--code-map-value", "crime_against"}), 2,
                 "--categories and --code-map-value"},
        BadInput{"PersonFieldInAnotherSpelling", lapd(kCsv, {"--column", "district=vict sex "}), 2,
                 "person"},
        BadInput{"OutIsNoPanel",
                 {"--profile", "lapd", "--out", "@/out.csv", kCsv},
                 2,
                 "--out: expected a file that ends in .h5"},
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
    EXPECT_THAT(without_progress(result.err), is_line_of_four_parts());
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
