// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/code_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

TEST(CodeMap, LapdCodesAreCrimesAgainstPersonPropertyOrSociety) {
  const auto map =
      CodeMap::load(PRECINCT_SOURCE_DIR "/data/west_la/crime_codes.csv", "crm_cd", "crime_against");
  EXPECT_EQ(map.find("110"), "Person");
  EXPECT_EQ(map.find("510"), "Property");
  EXPECT_EQ(map.find("0510"), "Property") << "leading zeros do not count";
  EXPECT_EQ(map.find("999"), std::nullopt);
}

TEST(CodeMap, LapdCodesArePartOneOrPartTwo) {
  const auto map =
      CodeMap::load(PRECINCT_SOURCE_DIR "/data/west_la/crime_codes.csv", "crm_cd", "part");
  EXPECT_EQ(map.find("110"), "1");
  EXPECT_EQ(map.find("624"), "2");
}

TEST(CodeMap, WithoutAFileACodeIsItsOwnCategory) { EXPECT_EQ(CodeMap().find("THEFT"), "THEFT"); }

TEST(CodeMap, MissingColumnAndContradictionAreNamedWithTheirLine) {
  test::TemporaryFolder folder;
  write_file_atomically(folder / "map.csv", "code,group\n1,A\n01,B\n");
  try {
    CodeMap::load(folder / "map.csv", "code", "group");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("map.csv:3"));
  }
  EXPECT_THROW(CodeMap::load(folder / "map.csv", "code", "kind"), DataError);
}

TEST(CodeMap, BytesThatAreNoUtf8AreNamedWithTheirLine) {
  test::TemporaryFolder folder;
  write_file_atomically(folder / "map.csv",
                        "code,group\n1,A\n2,Stra\xDF"
                        "e\n");
  try {
    CodeMap::load(folder / "map.csv", "code", "group");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("map.csv:3: expected text in UTF-8"));
  }
}

TEST(CodeMap, NumbersAreComparedWithoutLeadingZerosAndTextAsItStands) {
  EXPECT_EQ(normalise_code(" 0377 "), "377");
  EXPECT_EQ(normalise_code("377.0"), "377");
  EXPECT_EQ(normalise_code("000"), "0");
  EXPECT_EQ(normalise_code("E01000001"), "E01000001");
  EXPECT_EQ(normalise_code(""), "");
}

}  // namespace
}  // namespace precinct::data
