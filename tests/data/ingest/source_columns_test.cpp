// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/source_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace precinct::data {
namespace {

using testing::HasSubstr;

SourceProfile source_profile() {
  SourceProfile p;
  p.name = "test";
  p.columns = {
      {"id", {"id"}}, {"time", {"when"}}, {"district", {"place", "AREA "}}, {"category", {"kind"}}};
  p.unknown = {"", "?"};
  p.unknown_in = {{"age", {"<=0"}}};
  p.person_fields = p.audit_fields = {"age"};
  return p;
}

CsvRecord record(std::vector<std::string_view> fields) {
  CsvRecord r;
  r.fields = std::move(fields);
  return r;
}

std::string error_of(std::vector<std::string> header, bool uses_points = false) {
  try {
    SourceColumns(source_profile(), std::move(header), uses_points, "t.csv");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SourceColumns, NamesAreComparedWithoutOuterSpacesAndMayBeOneOfSeveral) {
  const SourceColumns columns(source_profile(), {"kind ", " when", "AREA "}, false, "t.csv");
  EXPECT_EQ(columns.of(Role::kCategory), 0);
  EXPECT_EQ(columns.of(Role::kTime), 1);
  EXPECT_EQ(columns.of(Role::kDistrict), 2);
  EXPECT_EQ(columns.of(Role::kId), -1);
  EXPECT_EQ(columns.value(record({"A", "B", "C"}), Role::kId), "");
}

TEST(SourceColumns, DoubledNameIsRefusedWithItsColumn) {
  EXPECT_THAT(error_of({"when", "kind", "place", " kind"}), HasSubstr("t.csv:1: column 4"));
}

TEST(SourceColumns, HeaderOfAnotherSourceIsAWrongProfile) {
  EXPECT_THAT(error_of({"a", "b"}), HasSubstr("is this the right profile?"));
  EXPECT_THAT(error_of({"when", "kind"}), HasSubstr("'place' or 'AREA '"));
  EXPECT_THAT(error_of({"when", "kind"}, true), HasSubstr("columns.longitude"));
}

TEST(SourceColumns, AFileOfAnotherSeparatorIsNamedAsOne) {
  for (const auto& [header, name] : {std::pair{"when;kind;place", "semicolons in it (when;kind"},
                                     {"when\tkind\tplace", "tabs in it"},
                                     {"when|kind|place", "bars in it"}})
    EXPECT_THAT(error_of({header}), HasSubstr(name));
  EXPECT_THAT(error_of({"when"}), HasSubstr("is this the right profile?"));
}

TEST(SourceColumns, ANameOfOtherBytesIsRefused) {
  EXPECT_THAT(error_of({"when",
                        "Stra\xDF"
                        "e"}),
              HasSubstr("t.csv:1: column 2: expected a name in UTF-8"));
}

TEST(SourceColumns, UnknownValuesAreEmpty) {
  const SourceColumns columns(source_profile(), {"when", "kind", "place", "age"}, false, "t.csv");
  const auto row = record({" ? ", " A ", "0", "-3"});
  EXPECT_EQ(columns.value(row, Role::kTime), "");
  EXPECT_EQ(columns.value(row, Role::kCategory), "A");
  EXPECT_EQ(columns.value(row, Role::kDistrict), "0") << "other columns have other unknown values";
  EXPECT_EQ(columns.value(row, 3), "");
  EXPECT_EQ(columns.raw(row, 3), "-3");
}

TEST(SourceColumns, CanonicalRowHasNoPersonFieldAndNoPadding) {
  const SourceColumns columns(source_profile(), {"when", "kind", "place", "age"}, false, "t.csv");
  EXPECT_EQ(columns.canonical(record({"1", " A  B ", "2", "44"})),
            "1\x1F"
            "A B\x1F"
            "2\x1F\x1F");
}

TEST(SourceColumns, AuditRowsHaveTheIdAndTheAuditFields) {
  const SourceColumns columns(source_profile(), {"id", "when", "kind", "place", "age"}, false,
                              "t.csv");
  EXPECT_EQ(columns.audit_header(), "id,age\n");
  EXPECT_EQ(columns.audit_row(record({"7", "x", "A", "2", "4,4"})), "7,\"4,4\"\n");
}

}  // namespace
}  // namespace precinct::data
