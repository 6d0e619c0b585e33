// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/reject_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/ingest/csv_reader.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

TEST(RejectLog, LineHasSevenFieldsThatAreReadBackExactly) {
  const Reject reject{
      0, 12, 3456, "TIME OCC", "bad_time", "2,5\"7", "expected HHMM, found '2,5\"7'"};
  CsvBlock block;
  block.bytes = reject_header() + reject_line(reject, "in,put.csv");
  CsvBlockParser parser(block);
  CsvRecord record;
  ASSERT_TRUE(parser.next(record));
  EXPECT_EQ(record.fields.size(), 7U);
  ASSERT_TRUE(parser.next(record));
  EXPECT_THAT(record.fields,
              testing::ElementsAre("in,put.csv", "12", "3456", "TIME OCC", "bad_time", "2,5\"7",
                                   "expected HHMM, found '2,5\"7'"));
}

TEST(RejectLog, SnippetIsShortOnOneLineAndCutBetweenCharacters) {
  EXPECT_EQ(snippet_of("a\nb\tc\x01"), "a b c ");
  EXPECT_EQ(snippet_of(std::string(100, 'x')).size(), 80U);
  EXPECT_EQ(snippet_of("aaé", 3), "aa");
}

TEST(RejectLog, WriterLeavesWhatWasWritten) {
  test::TemporaryFolder folder;
  TextWriter writer(folder / "a.csv");
  writer.write("one\n");
  writer.write("two\n");
  writer.finish();
  EXPECT_EQ(read_file(folder / "a.csv"), "one\ntwo\n");
}

TEST(RejectLog, FullDiskIsAnIoErrorThatNamesTheFile) {
  try {
    TextWriter writer("/dev/full");
    writer.write(std::string(1 << 20, 'x'));
    writer.finish();
    FAIL();
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/dev/full: No space left on device"));
  }
}

}  // namespace
}  // namespace precinct::data
