// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/row_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace precinct::data {
namespace {

SourceProfile profile() {
  SourceProfile p;
  p.name = "test";
  p.columns = {{"id", {"id"}},         {"time", {"when"}},        {"district", {"place"}},
               {"category", {"kind"}}, {"report_time", {"told"}}, {"revision", {"updated"}},
               {"longitude", {"x"}},   {"latitude", {"y"}}};
  p.time_formats = {"%Y-%m-%d %H:%M", "%Y-%m-%d"};
  p.unknown = {"", "?"};
  p.unknown_in = {{"age", {"<=0"}}};
  p.person_fields = p.audit_fields = {"age"};
  return p;
}

const std::vector<std::string> kHeader = {"id",      "when", "place ", "kind", "told",
                                          "updated", "age",  "x",      "y"};

class RowReaderTest : public testing::Test {
 protected:
  RowReader::Result read(const std::string& rows, RowReader::Options options = {}) const {
    const RowReader reader(profile_, codes_, locator_, kHeader, 0, "t.csv", options);
    CsvBlock block;
    block.bytes = rows;
    return reader.read_block(block, 0);
  }
  std::string kind_of(const std::string& row) const {
    const auto result = read(row);
    return result.rejects.empty() ? "accepted" : result.rejects[0].kind;
  }
  SourceProfile profile_ = profile();
  CodeMap codes_;
  DistrictLocator locator_ = DistrictLocator::discover();
};

TEST_F(RowReaderTest, AcceptedRowBecomesAnIncident) {
  const auto result = read("7,2020-02-29 23:59,12,THEFT,2020-03-02,,44,1,2\n");
  ASSERT_EQ(result.incidents.size(), 1U);
  const Incident& incident = result.incidents[0];
  EXPECT_EQ(incident.day(), days_from_civil(2020, 2, 29));
  EXPECT_EQ(incident.hour, 23U);
  EXPECT_EQ(result.categories, (std::vector<std::string>{"THEFT"}));
  EXPECT_EQ(result.quality.report_lag_days.at(2), 1U);
  EXPECT_NE(incident.id, 0U);
}

TEST_F(RowReaderTest, EachRejectHasFileLineByteColumnKindAndSnippet) {
  const auto result = read("1,2020-01-02,1,A,,,,,\n2,someday,1,A,,,,,\n");
  ASSERT_EQ(result.rejects.size(), 1U);
  const Reject& reject = result.rejects[0];
  EXPECT_EQ(reject.line, 2U);
  EXPECT_EQ(reject.byte, 22U);
  EXPECT_EQ(reject.column, "when");
  EXPECT_EQ(reject.kind, "bad_date");
  EXPECT_EQ(reject.snippet, "someday");
  EXPECT_THAT(reject.message,
              testing::HasSubstr("expected a date as %Y-%m-%d %H:%M, found 'someday'"));
}

TEST_F(RowReaderTest, RowsThatCannotBeCountedSayWhy) {
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,,\n"), "accepted");
  EXPECT_EQ(kind_of("1,,1,A,,,,,\n"), "no_date");
  EXPECT_EQ(kind_of("1,2020-01-02,?,A,,,,,\n"), "no_district");
  EXPECT_EQ(kind_of("1,2020-01-02,1,,,,,,\n"), "no_category");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,2020-01-01,,,,\n"), "reported_before");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,x,,,,\n"), "bad_report_date");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,\n"), "ragged");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,,,\n"), "ragged");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A\"B,,,,,\n"), "quote");
  EXPECT_EQ(kind_of("1,1899-01-02,1,A,,,,,\n"), "out_of_range");
  EXPECT_EQ(kind_of("1,2099-01-02,1,A,,,,,\n"), "out_of_range");
}

TEST_F(RowReaderTest, PointsAreCheckedWhenDistrictsAreFoundByPoint) {
  locator_ = DistrictLocator::by_grid(GridSpec::parse("10,20,2,2,1,1"));
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,20.5,10.5\n"), "accepted");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,0,0\n"), "withheld_location");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,,\n"), "no_coordinates");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,east,10\n"), "bad_coordinates");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,nan,10\n"), "bad_coordinates");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,200,10\n"), "bad_coordinates");
  EXPECT_EQ(kind_of("1,2020-01-02,1,A,,,,19,10\n"), "outside");
}

TEST_F(RowReaderTest, PersonFieldChangesNeitherTheDigestNorAnythingElse) {
  const auto a = read("1,2020-01-02,1,A,,,44,1,1\n"), b = read("1,2020-01-02,1,A,,,45,1,1\n"),
             c = read("1,2020-01-02,1,A,,,44,1,2\n");
  EXPECT_EQ(a.incidents[0].digest, b.incidents[0].digest);
  EXPECT_NE(a.incidents[0].digest, c.incidents[0].digest);
}

TEST_F(RowReaderTest, AuditFieldsLeaveTheReaderOnlyWhenAskedFor) {
  EXPECT_EQ(read("1,2020-01-02,1,A,,,44,1,1\n").audit_rows, "");
  RowReader::Options options;
  options.keep_audit_fields = true;
  EXPECT_EQ(read("1,2020-01-02,1,A,,,44,1,1\n", options).audit_rows, "1,44\n");
}

TEST_F(RowReaderTest, PaddingIsNoDifferenceBetweenRows) {
  const auto a = read("1,2020-01-02,1,A  B,,,,1,1\n"), b = read("1, 2020-01-02,1,A B ,,,,1,1\n");
  EXPECT_EQ(a.incidents[0].digest, b.incidents[0].digest);
}

TEST_F(RowReaderTest, RevisionColumnGoesBeforeTheReportDate) {
  const auto older = read("1,2020-01-02,1,A,2020-05-01,2020-06-01,,,\n"),
             newer = read("1,2020-01-02,1,A,2020-04-01,2020-06-02,,,\n"),
             none = read("1,2020-01-02,1,A,2020-05-01,,,,\n");
  EXPECT_LT(older.incidents[0].revision, newer.incidents[0].revision);
  EXPECT_LT(none.incidents[0].revision, older.incidents[0].revision);
}

TEST_F(RowReaderTest, RowsOfContestedIdsAreHandedOutWhole) {
  const auto first = read("1,2020-01-02,1,A,,2020-06-01 10:00,,,\n");
  const std::unordered_set<std::uint64_t> contested = {first.incidents[0].id};
  RowReader::Options options;
  options.contested = &contested;
  const auto rows = read(
      "1,2020-01-02,1,A,,2020-06-01 10:00,,,\n1,2020-01-02,1,A,,2020-06-01 "
      "11:00,,,\n2,2020-01-02,1,A,,,,,\n",
      options);
  ASSERT_EQ(rows.contenders.size(), 2U);
  EXPECT_LT(rows.contenders[0], rows.contenders[1]) << "the hour of the revision decides";
}

/// A report date and a revision of the same id are on one scale: the winner is among the rows that
/// the shortened revisions kept.
TEST_F(RowReaderTest, ARowWithAReportDateAloneMayWinOverARevision) {
  const auto first = read("1,2020-01-02,1,A,2020-12-01,2020-12-05,,,\n");
  const std::unordered_set<std::uint64_t> contested = {first.incidents[0].id};
  RowReader::Options options;
  options.contested = &contested;
  const auto rows = read(
      "1,2020-01-02,1,A,2020-12-01,2020-12-05,,,\n1,2020-01-02,1,B,2021-01-10,,,,\n"
      "1,2020-01-02,1,A,2021-01-10,,,,\n",
      options);
  ASSERT_EQ(rows.contenders.size(), 3U);
  EXPECT_LT(rows.incidents[0].revision, rows.incidents[1].revision);
  for (const int later : {1, 2}) EXPECT_LT(rows.contenders[0], rows.contenders[later]);
  EXPECT_LT(rows.contenders[0].revision, rows.contenders[1].revision);
}

TEST_F(RowReaderTest, OtherBytesThanUtf8AreRejectedWithTheRemedy) {
  const auto result = read("1,2020-01-02,1,K\xF6rper,,,,,\n2,2020-01-02,1,A,,,,,\n");
  EXPECT_EQ(result.quality.accepted, 1U);
  ASSERT_EQ(result.rejects.size(), 1U);
  EXPECT_EQ(result.rejects[0].kind, "encoding");
}

TEST_F(RowReaderTest, TheReportLagIsThatOfAcceptedRows) {
  const auto result = read("1,2020-01-02,1,A,2020-01-05,,,,\n2,2020-01-02,,A,2020-01-06,,,,\n");
  ASSERT_EQ(result.quality.accepted, 1U);
  EXPECT_EQ(result.quality.report_lag_days.size(), 1U);
  EXPECT_EQ(result.quality.report_lag_days.at(3), 1U);
}

TEST_F(RowReaderTest, MissingValuesAreCountedPerColumn) {
  const auto result =
      read("1,2020-01-02,1,A,,,0,1,1\n2,2020-01-02,1,A,?,,-3,1,1\n3,2020-01-02,1,A,,,30,1,1\n");
  EXPECT_EQ(result.quality.missing_per_column.at("age"), 2U);
  EXPECT_EQ(result.quality.missing_per_column.at("told"), 3U);
  EXPECT_FALSE(result.quality.missing_per_column.contains("kind"));
}

TEST_F(RowReaderTest, DefaultDatesAreFlaggedAndKept) {
  const auto result =
      read("1,2020-01-01 12:00,1,A,,,,,\n2,2020-02-01,1,A,,,,,\n3,2020-02-02,1,A,,,,,\n");
  EXPECT_EQ(result.quality.accepted, 3U);
  EXPECT_EQ(result.quality.first_of_year, 1U);
  EXPECT_EQ(result.quality.first_of_month, 2U);
  EXPECT_EQ(result.quality.at_noon, 1U);
}

}  // namespace
}  // namespace precinct::data
