// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/rng.h"
#include "tests/support/long_form.h"

namespace precinct::data {
namespace {

struct Row {
  std::uint64_t line = 0, byte = 0;
  std::vector<std::string> fields;
  CsvProblem problem = CsvProblem::kNone;
  bool operator==(const Row&) const = default;
};

CsvBlockCutter::Source from_text(const std::string& text) {
  return [text, at = std::size_t{0}](std::span<char> out) mutable {
    const std::size_t n = std::min(out.size(), text.size() - at);
    std::memcpy(out.data(), text.data() + at, n);
    at += n;
    return n;
  };
}

std::vector<Row> read_all(const std::string& text, std::size_t block_bytes = 1 << 20) {
  CsvBlockCutter cutter(from_text(text), "test.csv", block_bytes);
  std::vector<Row> rows;
  while (const auto block = cutter.next()) {
    CsvBlockParser parser(*block);
    CsvRecord record;
    while (parser.next(record)) {
      rows.push_back(
          {record.line, record.byte, {record.fields.begin(), record.fields.end()}, record.problem});
    }
  }
  return rows;
}

using Fields = std::vector<std::string>;

TEST(CsvReader, PlainFieldsAreSplitAtCommas) {
  const auto rows = read_all("a,b,c\n1,2,3\n");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].fields, (Fields{"1", "2", "3"}));
  EXPECT_EQ(rows[1].line, 2U);
  EXPECT_EQ(rows[1].byte, 6U);
}

TEST(CsvReader, QuotedFieldMayHoldCommasQuotesAndNewlines) {
  const auto rows = read_all("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\"\"\nlast,1\n");
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[1].fields, (Fields{"x, y", "say \"hi\""}));
  EXPECT_EQ(rows[2].fields, (Fields{"two\nlines", ""}));
  EXPECT_EQ(rows[3].line, 5U) << "the line number counts newlines inside quotes";
}

TEST(CsvReader, EmptyFieldsAndFieldsOfQuotesOnlyAreExact) {
  const auto rows = read_all(",\n\"\"\"\",\"\"\"\"\"\"\n,,\n");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].fields, (Fields{"", ""}));
  EXPECT_EQ(rows[1].fields, (Fields{"\"", "\"\""}));
  EXPECT_EQ(rows[2].fields, (Fields{"", "", ""}));
}

TEST(CsvReader, CrLfAndLoneCrEndARecordAndTheLastNeedsNone) {
  for (const char* text : {"a,b\r\nc,d\r\n", "a,b\rc,d\r", "a,b\nc,d", "a,b\r\nc,d"}) {
    const auto rows = read_all(text);
    ASSERT_EQ(rows.size(), 2U) << text;
    EXPECT_EQ(rows[0].fields, (Fields{"a", "b"}));
    EXPECT_EQ(rows[1].fields, (Fields{"c", "d"}));
    EXPECT_EQ(rows[1].line, 2U);
  }
}

TEST(CsvReader, CrLfInsideQuotesIsKept) {
  const auto rows = read_all("\"a\r\nb\",c\r\nd,e\r\n");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].fields[0], "a\r\nb");
  EXPECT_EQ(rows[1].line, 3U);
}

TEST(CsvReader, ByteOrderMarkIsDroppedAndBytesStillCountFromTheStartOfTheFile) {
  const auto rows = read_all("\xEF\xBB\xBF\"a\",b\n1,2\n");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].fields, (Fields{"a", "b"}));
  EXPECT_EQ(rows[1].byte, 9U);
}

TEST(CsvReader, EmptyLinesAreNoRecords) {
  const auto rows = read_all("a\n\n\r\n\nb\n\n");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].line, 5U);
}

TEST(CsvReader, EmptyInputHasNoRecords) {
  EXPECT_TRUE(read_all("").empty());
  EXPECT_TRUE(read_all("\xEF\xBB\xBF").empty());
  EXPECT_TRUE(read_all("\n\n\n").empty());
}

TEST(CsvReader, NulByteAndStrayQuotesMarkTheirRecordOnly) {
  using namespace std::string_literals;
  const auto rows = read_all("a,b\n1,\0x\n2,y\"z\n\"3\"x,4\n5,6\n"s);
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[1].problem, CsvProblem::kNul);
  EXPECT_EQ(rows[2].problem, CsvProblem::kQuote);
  EXPECT_EQ(rows[3].problem, CsvProblem::kQuote);
  EXPECT_EQ(rows[4].problem, CsvProblem::kNone);
  EXPECT_EQ(rows[4].fields, (Fields{"5", "6"}));
}

TEST(CsvReader, Utf16IsRefusedWithPosition) {
  using namespace std::string_literals;
  for (const auto& text : {"\xFF\xFE\x61\x00\x2C\x00"s, "\xFE\xFF\x00\x61\x00\x2C"s,
                           "a\0,\0b\0\n\0"s, "\0a\0,\0b\0\n"s}) {
    try {
      read_all(text);
      FAIL() << "accepted";
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("byte 0"));
      EXPECT_THAT(error.what(), testing::HasSubstr("UTF-16"));
    }
  }
}

TEST(CsvReader, QuoteThatNeverClosesIsRefusedWithItsLine) {
  try {
    read_all("a,b\n1,2\n3,\"open\n4,5\n6,7\n");
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("test.csv:3: byte 8"));
  }
}

TEST(CsvReader, RecordLongerThanTheLimitIsRefusedEarly) {
  std::uint64_t given = 0;
  CsvBlockCutter cutter(
      [&](std::span<char> out) {
        std::fill(out.begin(), out.end(), 'x');
        given += out.size();
        return out.size();
      },
      "long.csv", 1 << 16, 1 << 20);
  EXPECT_THROW(cutter.next(), DataError);
  EXPECT_LE(given, std::uint64_t{1} << 21);
}

TEST(CsvReader, BlockSizeNeverChangesTheRows) {
  constexpr std::uint64_t kSeed = 20261124;
  std::uint64_t counter = 0;
  const char* const pieces[] = {"a",          "12",   ",",    ",",  "\"q\"",      "\"x,\"\"y\"\"\"",
                                "\"l1\nl2\"", "\n",   "\r\n", "\r", "\"a\r\nb\"", "é",
                                ",\n",        "\n\n", "z\"w"};
  for (std::uint64_t round = 0, n = test::num_rounds(300); round < n; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += pieces[uniform_index(kSeed, counter++, 15)];
    std::vector<Row> whole;
    try {
      whole = read_all(text);
    } catch (const DataError&) {
      continue;  // a mixture that ends inside quotes
    }
    for (const std::size_t block : {1U, 2U, 7U, 64U})
      EXPECT_EQ(read_all(text, std::max<std::size_t>(block, 3)), whole)
          << "seed " << kSeed << " round " << round;
  }
}

TEST(CsvReader, WrittenRowsAreReadBackExactly) {
  constexpr std::uint64_t kSeed = 7;
  std::uint64_t counter = 0;
  const std::string alphabet = "ab,\"\n\r 1é";
  for (std::uint64_t round = 0, n = test::num_rounds(1000); round < n; ++round) {
    std::vector<Fields> expected;
    std::string text;
    for (int r = 0; r < 4; ++r) {
      Fields row;
      for (int c = 0; c < 3; ++c) {
        std::string field;
        const auto length = uniform_index(kSeed, counter++, 6);
        for (std::uint64_t i = 0; i < length; ++i)
          field += alphabet[uniform_index(kSeed, counter++, alphabet.size())];
        text += c == 0 ? "\"" : ",\"";
        for (const char ch : field) text += ch == '"' ? "\"\"" : std::string(1, ch);
        text += '"';
        row.push_back(field);
      }
      text += r % 2 == 0 ? "\n" : "\r\n";
      expected.push_back(row);
    }
    const auto rows = read_all(text, 16);
    ASSERT_EQ(rows.size(), expected.size()) << "seed " << kSeed << " round " << round;
    for (std::size_t r = 0; r < rows.size(); ++r) EXPECT_EQ(rows[r].fields, expected[r]);
  }
}

}  // namespace
}  // namespace precinct::data
