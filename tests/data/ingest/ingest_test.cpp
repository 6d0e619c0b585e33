// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/ingest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/rng.h"
#include "data/ingest/compressed_file.h"
#include "data/ingest/csv_reader.h"
#include "tests/support/long_form.h"
#include "tests/support/npz.h"
#include "tests/support/pack.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

using testing::HasSubstr;
using Paths = std::vector<std::filesystem::path>;

const std::filesystem::path kSource = PRECINCT_SOURCE_DIR;
const std::filesystem::path kWestLa = kSource / "data/west_la/incidents.csv.xz";
const std::filesystem::path kWestLaDistricts = kSource / "data/west_la/districts.geojson.xz";
const std::filesystem::path kChicago = kSource / "data/chicago/incidents.csv.xz";
constexpr const char* kChicagoGrid = "41.644604096,-87.927881741,14,12,37,28";

IngestOptions options(const std::string& profile, Paths inputs) {
  IngestOptions o;
  o.profile = SourceProfile::load(profile, {kSource / "configs/sources"});
  o.inputs = std::move(inputs);
  o.show_progress = false;
  return o;
}

IngestOptions west_la(Paths inputs = {kWestLa}) {
  IngestOptions o = options("lapd", std::move(inputs));
  o.boundaries = kWestLaDistricts;
  return o;
}

/// sha256 of the panel file of one ingest.
std::string panel_sha256(const IngestOptions& o) {
  test::TemporaryFolder folder;
  ingest_to_file(o, folder / "panel.h5");
  return sha256_file(folder / "panel.h5");
}

void expect_rows_add_up(const QualityReport& quality) {
  EXPECT_EQ(quality.rows_read, quality.accepted + quality.num_rejected() + quality.duplicates);
}

TEST(Ingest, WestLaCountsAreExactlyThoseOfTheReferenceTensor) {
  PRECINCT_NEED_SHARED_DATA("crime_la_incidents/west_la_rd_daily.npz");
  const auto reference =
      test::read_npz(test::shared_data("crime_la_incidents/west_la_rd_daily.npz"));
  const auto& counts = reference.at("counts");
  IngestOptions o = west_la();
  o.profile.choose_categories("part");
  const IngestResult result = ingest(o);
  const Panel& panel = result.panel;
  ASSERT_EQ(counts.shape,
            (std::vector<std::int64_t>{panel.num_bins, panel.num_nodes, panel.num_categories}));
  EXPECT_EQ(panel.num_bins, 504);
  EXPECT_EQ(format_date(panel.axis.start().day), "2020-03-15");
  for (std::int64_t n = 0; n < panel.num_nodes; ++n)
    EXPECT_EQ(panel.nodes[static_cast<std::size_t>(n)].code,
              std::to_string(static_cast<int>(reference.at("rd").at(n))));
  std::int64_t different = 0;
  for (std::int64_t i = 0; i < counts.size(); ++i)
    different += panel.counts[i] != static_cast<std::uint32_t>(counts.at(i));
  EXPECT_EQ(different, 0);
  EXPECT_EQ(result.quality.accepted, 12'954U);
  expect_rows_add_up(result.quality);
}

TEST(Ingest, WestLaHas69DistrictsThreeCategoriesAndItsBorders) {
  const IngestResult result = ingest(west_la());
  const Panel& panel = result.panel;
  EXPECT_EQ(panel.num_nodes, 69);
  ASSERT_EQ(panel.categories.size(), 3U);
  EXPECT_EQ(panel.categories[0].code, "Person");
  EXPECT_TRUE(panel.categories[2].discovered_by_officer);
  EXPECT_EQ(panel.graph.kind, "adjacency");
  EXPECT_EQ(panel.geometry_offset.size(), 70U);
  EXPECT_EQ(panel.nodes[0].parent, "8");
  EXPECT_EQ(panel.time_zone, "America/Los_Angeles");
  EXPECT_TRUE(result.quality.isolated_districts.empty());
}

TEST(Ingest, DistrictsWithoutNeighboursAreReported) {
  IngestOptions o = west_la();
  const auto nodes = ingest(o).panel.nodes;
  test::TemporaryFolder folder;
  write_file_atomically(folder / "edges.csv",
                        "source,target\n" + nodes[0].code + "," + nodes[68].code + "\n");
  o.graph = "file:" + (folder / "edges.csv").string();
  const IngestResult result = ingest(o);
  EXPECT_EQ(result.panel.graph.kind, "file");
  EXPECT_EQ(result.panel.graph.size(), 2);
  ASSERT_EQ(result.quality.isolated_districts.size(), 67U);
  EXPECT_EQ(result.quality.isolated_districts[0], nodes[1].code);
  EXPECT_THAT(result.quality.warnings, testing::Contains(HasSubstr(nodes[1].code)));
}

TEST(Ingest, WestLaPointsLieInTheDistrictsTheirCodesName) {
  IngestOptions o = west_la();
  const auto by_code = ingest(o);
  o.locate_by_point = true;
  const auto by_point = ingest(o);
  expect_rows_add_up(by_point.quality);
  EXPECT_EQ(by_point.quality.rejected.at("withheld_location"), 31U);
  std::int64_t moved = 0, cells = by_code.panel.counts.size();
  for (std::int64_t i = 0; i < cells; ++i)
    moved +=
        std::abs(static_cast<std::int64_t>(by_code.panel.counts[i]) - by_point.panel.counts[i]);
  EXPECT_LT(static_cast<double>(moved), .25 * 12'954) << "block faces lie on borders; most stay";
}

TEST(Ingest, ChicagoGridIsExactlyTheReferenceTensor) {
  PRECINCT_NEED_SHARED_DATA("crime_chicago/chi_counts.npz");
  const auto reference = test::read_npz(test::shared_data("crime_chicago/chi_counts.npz"));
  const auto& counts = reference.at("counts");  // [14, 12, 731, 4]
  IngestOptions o = options("chicago_points", {kChicago});
  o.grid = GridSpec::parse(kChicagoGrid);
  o.graph = "queen";
  o.profile.skip_rows = 1;
  const IngestResult result = ingest(o);
  const Panel& panel = result.panel;
  ASSERT_EQ(panel.num_bins, 731);
  ASSERT_EQ(panel.num_nodes, 14 * 12);
  ASSERT_EQ(panel.num_categories, 4);
  std::int64_t different = 0;
  for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
    for (std::int64_t b = 0; b < panel.num_bins; ++b) {
      for (std::int64_t c = 0; c < 4; ++c)
        different += panel.count(b, n, c) !=
                     static_cast<std::uint32_t>(counts.at((n * panel.num_bins + b) * 4 + c));
    }
  }
  EXPECT_EQ(different, 0);
  EXPECT_EQ(result.quality.rows_read, 321'876U);
  EXPECT_EQ(result.quality.num_rejected(), 0U);
}

TEST(Ingest, ChicagoPointsLieInOnePolygonOrGoToTheNearestOrToTheRejects) {
  IngestOptions o = options("chicago_points", {kChicago});
  o.boundaries = kSource / "data/chicago/districts.geojson.xz";
  const IngestResult result = ingest(o);
  const QualityReport& quality = result.quality;
  EXPECT_EQ(quality.rows_read, 321'877U);
  EXPECT_EQ(quality.points_inside, 320'511U);
  EXPECT_EQ(quality.points_in_several, 0U);
  EXPECT_EQ(quality.points_inside + quality.points_to_nearest + quality.rejected.at("outside"),
            321'877U);
  EXPECT_EQ(quality.polygons_repaired, 1);
  EXPECT_EQ(result.panel.num_nodes, 98);
  expect_rows_add_up(quality);
}

/// Header and records of a CSV text.
std::vector<std::string> records_of(const std::string& text) {
  CsvBlock block;
  block.bytes = text;
  CsvBlockParser parser(block);
  CsvRecord record;
  std::vector<std::string> records;
  while (parser.next(record)) records.emplace_back(record.raw);
  return records;
}

std::string join(const std::vector<std::string>& records, std::uint64_t begin, std::uint64_t end,
                 const KeyedPermutation& order) {
  std::string text = records[0] + "\n";
  for (std::uint64_t i = begin; i < end; ++i) text += records[1 + order(i)] + "\n";
  return text;
}

TEST(Ingest, PanelIsByteIdenticalForShuffledSplitAndPackedInput) {
  const auto records = records_of(read_compressed_file(kWestLa));
  const std::uint64_t size = records.size() - 1;
  IngestOptions o = west_la();
  o.locate_by_point = true;  // polygons included
  const std::string expected = panel_sha256(o);
  test::TemporaryFolder folder;
  for (std::uint64_t seed = 1, last = test::num_rounds(5); seed <= last; ++seed) {
    const KeyedPermutation order(seed, size);
    write_file_atomically(folder / "shuffled.csv", join(records, 0, size, order));
    o.inputs = {folder / "shuffled.csv"};
    EXPECT_EQ(panel_sha256(o), expected) << "shuffle " << seed;
  }
  const KeyedPermutation order(6, size);
  test::write_packed(folder / "1.gz", join(records, 0, 5000, order), "gzip");
  test::write_packed(folder / "2.xz", join(records, 5000, 6000, order), "xz");
  test::write_packed(folder / "3.zst", join(records, 6000, size, order), "zstd");
  o.inputs = {folder / "1.gz", folder / "2.xz", folder / "3.zst"};
  EXPECT_EQ(panel_sha256(o), expected);
  o.inputs = {folder / "3.zst", folder / "1.gz", folder / "2.xz"};
  o.num_threads = 1;
  EXPECT_EQ(panel_sha256(o), expected);
  // The twin: one row less must show.
  write_file_atomically(folder / "less.csv", join(records, 0, size - 1, order));
  o.inputs = {folder / "less.csv"};
  EXPECT_NE(panel_sha256(o), expected);
}

TEST(Ingest, SameFileTwiceGivesTheSamePanelAndSaysSo) {
  test::TemporaryFolder folder;
  write_file_atomically(folder / "again.csv", read_compressed_file(kWestLa));
  const auto once = panel_sha256(west_la());
  IngestOptions o = west_la({kWestLa, folder / "again.csv"});
  EXPECT_EQ(panel_sha256(o), once);
  EXPECT_EQ(ingest(o).quality.repeated, 12'954U);
  EXPECT_THAT(ingest(west_la({kWestLa, kWestLa})).quality.warnings,
              testing::Contains(HasSubstr("the same bytes")));
}

TEST(Ingest, SameFileTwiceIsRefusedWhereRowsHaveNoId) {
  test::TemporaryFolder folder;
  const std::string text = "01/01/2016 01:00:00 AM,THEFT,41.9,-87.7\n";
  write_file_atomically(folder / "a.csv", text);
  write_file_atomically(folder / "b.csv", text);
  IngestOptions o = options("chicago_points", {folder / "a.csv", folder / "b.csv"});
  o.grid = GridSpec::parse(kChicagoGrid);
  EXPECT_THROW(ingest(o), DataError);
}

/// An ingest of a table of one's own with the profile generic.
IngestOptions generic(const test::TemporaryFolder& folder, const std::string& text) {
  write_file_atomically(folder / "own.csv", text);
  return options("generic", {folder / "own.csv"});
}

std::uint64_t total_of(const Panel& panel) {
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i) sum += panel.counts[i];
  return sum;
}

TEST(Ingest, SameFileTwiceIsRefusedWhereTheFileLacksTheProfilesId) {
  test::TemporaryFolder folder;
  IngestOptions o = generic(folder, "time,district,category\n2020-01-01,a,x\n2020-01-02,b,y\n");
  EXPECT_THAT(ingest(o).quality.warnings, testing::Contains(HasSubstr("no column 'id' for id")));
  o.inputs.push_back(o.inputs[0]);
  EXPECT_THROW(ingest(o), DataError);
}

TEST(Ingest, AColumnThatWasNamedMustBeThereAndOneOfTheProfileIsMissed) {
  test::TemporaryFolder folder;
  IngestOptions o = generic(folder, "id,time,district,category\n1,2020-01-01,a,x\n");
  EXPECT_NO_THROW(ingest(o));
  o.profile.set_column("id", "nosuch");
  EXPECT_THROW(ingest(o), ConfigError);
  std::string text = read_compressed_file(kWestLa);
  const auto at = text.find("TIME OCC");
  ASSERT_LT(at, 400U);
  text[at + 4] = '_';
  write_file_atomically(folder / "lapd.csv", text);
  EXPECT_THAT(ingest(west_la({folder / "lapd.csv"})).quality.warnings,
              testing::Contains(HasSubstr("for clock (profile lapd): times have no hour")));
}

TEST(Ingest, TheLatestRevisionWinsDownToItsSecondAndOneThatIsNoneIsRejected) {
  test::TemporaryFolder folder;
  const std::string head = "id,time,district,category,revision\n";
  const auto winner = [&](const std::string& first, const std::string& second) {
    const auto result = ingest(generic(
        folder, head + "1,2020-01-01,old,x," + first + "\n1,2020-01-01,new,x," + second + "\n"));
    return result.panel.nodes.at(0).code;
  };
  for (const auto& [older, newer] :
       {std::pair{"2020-02-01T09:00:00.500", "2020-02-02T10:00:00.500"},
        {"2020-02-01 09:00:01", "2020-02-01 09:00:02"},
        {"9", "10"},
        {"9.0", "10.0"},
        {"70000", "70001"}}) {
    EXPECT_EQ(winner(older, newer), "new") << older;
    // the text of the rows says otherwise
    EXPECT_EQ(winner(newer, older), "old") << older;
  }
  const auto result = ingest(
      generic(folder, head + "1,2020-01-01,a,x,1\n1,2020-01-02,a,x,soon\n2,2020-01-01,a,x,\n"));
  EXPECT_EQ(result.quality.rejected.at("bad_revision"), 1U);
  EXPECT_EQ(total_of(result.panel), 2U);
  expect_rows_add_up(result.quality);
}

TEST(Ingest, DatesWithoutAnHourAreNoTimesOfDay) {
  test::TemporaryFolder folder;
  IngestOptions o = generic(folder, "time,district,category\n2020-01-01,a,x\n2020-01-02,a,x\n");
  o.bin = BinSpec::parse("hours:6");
  EXPECT_THROW(ingest(o), DataError);
  o = generic(folder, "time,district,category\n2020-01-01,a,x\n2020-01-02 13:00,a,x\n");
  o.bin = BinSpec::parse("hours:6");
  const auto result = ingest(o);
  EXPECT_THAT(result.quality.warnings,
              testing::Contains(HasSubstr("1 of 2 rows that were not rejected have no hour")));
  EXPECT_EQ(total_of(result.panel), 2U);
}

TEST(Ingest, CategoriesOfRejectedAndReplacedRowsAloneAreNone) {
  test::TemporaryFolder folder;
  const auto result =
      ingest(generic(folder,
                     "id,time,district,category,revision\n1,2020-01-01,a,x,1\n"
                     "1,2020-01-01,a,y,2\n2,2020-01-01,,ghost,1\n3,2020-01-01,a,z,1\n"));
  std::vector<std::string> codes;
  for (const auto& category : result.panel.categories) codes.push_back(category.code);
  EXPECT_EQ(codes, (std::vector<std::string>{"y", "z"}));
  EXPECT_EQ(total_of(result.panel), 2U);
}

/// The golden table of the fixture: "what,district,category,date" -> rows.
std::map<std::string, std::uint64_t> golden_table() {
  std::map<std::string, std::uint64_t> table;
  for (const auto& record : records_of(read_file(kSource / "tests/fixtures/lapd/golden.csv"))) {
    const auto comma = record.rfind(',');
    if (!record.starts_with("what"))
      table[record.substr(0, comma)] = std::stoull(record.substr(comma + 1));
  }
  return table;
}

std::map<std::string, std::uint64_t> table_of(const IngestResult& result) {
  std::map<std::string, std::uint64_t> table;
  const Panel& panel = result.panel;
  for (std::int64_t b = 0; b < panel.num_bins; ++b) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      for (std::int64_t c = 0; c < panel.num_categories; ++c) {
        if (panel.count(b, n, c) == 0) continue;
        table["count," + panel.nodes[static_cast<std::size_t>(n)].code + "," +
              panel.categories[static_cast<std::size_t>(c)].code + "," +
              format_date(panel.axis.start_of(b).day)] = panel.count(b, n, c);
      }
    }
  }
  for (const auto& [kind, rows] : result.quality.rejected) table["rejected,," + kind + ","] = rows;
  table["duplicates,,,"] = result.quality.duplicates;
  return table;
}

TEST(Ingest, LapdQuirksOfBothHeaderGenerationsGiveTheGoldenPanel) {
  const auto first = kSource / "tests/fixtures/lapd/quirks_2010.csv",
             second = kSource / "tests/fixtures/lapd/quirks_2020.csv";
  const IngestResult result = ingest(options("lapd", {first, second}));
  EXPECT_EQ(table_of(result), golden_table());
  expect_rows_add_up(result.quality);
  EXPECT_EQ(result.quality.repeated, 1U);
  EXPECT_EQ(result.quality.revised, 2U);
  EXPECT_EQ(result.quality.first_of_year, 1U);
  EXPECT_EQ(result.quality.missing_per_column.at("Vict Age"), 1U);
  const std::string hash = panel_sha256(options("lapd", {first, second}));
  EXPECT_EQ(panel_sha256(options("lapd", {second, first})), hash)
      << "the order of the files does not matter";
  EXPECT_EQ(hash, read_file(kSource / "tests/fixtures/lapd/panel.sha256").substr(0, 64))
      << "the golden panel is no longer byte-identical";
}

TEST(Ingest, RejectsFileHasOneLineWithPlaceAndReasonPerRejectedRow) {
  test::TemporaryFolder folder;
  const auto result = ingest_to_file(
      options("lapd", {kSource / "tests/fixtures/lapd/quirks_2010.csv"}), folder / "panel.h5");
  const std::string text = read_file(folder / "rejects.csv");
  const auto lines = records_of(text);
  ASSERT_EQ(lines.size(), 1 + result.quality.num_rejected());
  EXPECT_EQ(lines[0], "file,line,byte,column,kind,snippet,message");
  EXPECT_EQ(lines[1],
            "quirks_2010.csv,11,1812,TIME OCC,bad_time,2400,\"expected HHMM in 0000..2359, found "
            "'2400'\"");
  const auto provenance = nlohmann::json::parse(read_file(folder / "panel.h5.provenance.json"));
  EXPECT_EQ(provenance["inputs"][0]["rows"], result.quality.rows_read);
  EXPECT_EQ(provenance["quality"]["rejected"], result.quality.num_rejected());
}

TEST(Ingest, AuditFieldsGoToTheirOwnFileOnlyAndThePanelIsTheSame) {
  test::TemporaryFolder folder;
  IngestOptions o = west_la();
  const auto expected = panel_sha256(o);
  o.audit_file = folder / "audit.csv";
  ingest_to_file(o, folder / "panel.h5");
  EXPECT_EQ(sha256_file(folder / "panel.h5"), expected);
  const auto rows = records_of(read_file(folder / "audit.csv"));
  EXPECT_EQ(rows[0], "id,Vict Age,Vict Sex,Vict Descent");
  EXPECT_EQ(rows.size(), 12'955U);
}

TEST(Ingest, UnknownReportingDistrictsAreRejectedOrCountedUnderTheirDivision) {
  PRECINCT_NEED_SHARED_DATA("crime_la_incidents/all_areas_2020_10k.csv.xz");
  IngestOptions o =
      options("lapd", {test::shared_data("crime_la_incidents/all_areas_2020_10k.csv.xz")});
  o.boundaries = test::shared_data("lapd_boundaries/reporting_districts.geojson.xz");
  o.graph = "none";
  const auto rejected = ingest(o);
  EXPECT_EQ(rejected.panel.num_nodes, 1'135);
  const auto unknown = rejected.quality.rejected.at("unknown_district");
  EXPECT_EQ(rejected.quality.accepted + unknown, 10'000U);
  o.unknown_under_parent = true;
  const auto counted = ingest(o);
  EXPECT_EQ(counted.quality.accepted, 10'000U);
  ASSERT_EQ(counted.panel.num_nodes, 1'137);
  EXPECT_EQ(counted.panel.nodes[1'135].code, "6*");
  EXPECT_EQ(counted.panel.nodes[1'136].code, "9*");
}

TEST(Ingest, SeriesEndsAtTheLastAcceptedDayUnlessToldOtherwise) {
  IngestOptions o = west_la();
  o.last_day = days_from_civil(2021, 6, 30);
  const auto shorter = ingest(o);
  EXPECT_EQ(shorter.panel.num_bins, 473);
  EXPECT_EQ(shorter.quality.rejected.at("out_of_range"), 12'954U - shorter.quality.accepted);
  o.last_day = days_from_civil(2021, 8, 31);
  EXPECT_EQ(ingest(o).panel.num_bins, 535);
  o.last_day = std::nullopt;
  o.bin = BinSpec::parse("hours:6");
  EXPECT_EQ(ingest(o).panel.num_bins, 504 * 4);
}

TEST(Ingest, LateReportsAreWarnedOf) {
  std::string text = "id,time,told,district,category\n";
  for (int day = 1; day <= 30; ++day)
    for (int lag = 0; lag < 60 && day + lag <= 30; lag += 3)
      text += fmt::format("{0}-{1},2020-06-{0:02},2020-06-{2:02},1,A\n", day, lag, day + lag);
  test::TemporaryFolder folder;
  write_file_atomically(folder / "a.csv", text);
  IngestOptions o = options("generic", {folder / "a.csv"});
  o.profile.columns["report_time"] = {"told"};
  EXPECT_THAT(ingest(o).quality.warnings, testing::Contains(HasSubstr("--complete-through")));
  o.last_day = days_from_civil(2020, 6, 20);
  EXPECT_THAT(ingest(o).quality.warnings,
              testing::Not(testing::Contains(HasSubstr("--complete-through"))));
}

TEST(Ingest, TruncatedInputLeavesNothingBehind) {
  test::TemporaryFolder folder;
  const std::string whole = read_file(kWestLa);
  write_file_atomically(folder / "cut.csv.xz", whole.substr(0, whole.size() / 2));
  EXPECT_THROW(ingest_to_file(west_la({folder / "cut.csv.xz"}), folder / "out/panel.h5"),
               DataError);
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

}  // namespace
}  // namespace precinct::data
