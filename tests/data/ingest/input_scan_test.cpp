// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/input_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

class InputScanTest : public testing::Test {
 protected:
  InputScanTest() {
    profile_.name = "test";
    profile_.columns = {{"time", {"t"}}, {"district", {"d"}}, {"category", {"c"}}};
    profile_.time_formats = {"%Y-%m-%d"};
  }
  std::filesystem::path write(const std::string& name, const std::string& text) {
    write_file_atomically(folder_ / name, text);
    return folder_ / name;
  }
  /// Lines of the rejects, in the order in which they came.
  std::vector<std::uint64_t> scan(const std::vector<std::filesystem::path>& inputs, int threads) {
    const InputScan scan{profile_, codes_, locator_, inputs, {}, threads, ""};
    std::vector<std::uint64_t> lines;
    rows_ = 0;
    scan_inputs(scan, [&](RowReader::Result&& result) {
      for (const auto& reject : result.rejects) lines.push_back(reject.line);
      rows_ += result.quality.rows_read;
    });
    return lines;
  }
  test::TemporaryFolder folder_;
  SourceProfile profile_;
  CodeMap codes_;
  DistrictLocator locator_ = DistrictLocator::discover();
  std::uint64_t rows_ = 0;
};

TEST_F(InputScanTest, ResultsComeInTheOrderOfTheInputWhateverTheThreads) {
  std::string text = "t,d,c\n";
  std::vector<std::uint64_t> expected;
  for (std::uint64_t line = 2; text.size() < (5U << 20); ++line) {
    const bool bad = line % 97 == 0;
    text += bad ? "never,1,\"A\nB\"\n" : "2020-01-01,1,\"A, with a long text to fill the block\"\n";
    if (bad) expected.push_back(line++);
  }
  const auto path = write("a.csv", text);
  EXPECT_EQ(scan({path}, 1), expected);
  const auto rows = rows_;
  EXPECT_EQ(scan({path}, 4), expected);
  EXPECT_EQ(rows_, rows);
}

TEST_F(InputScanTest, FilesMayHaveTheirColumnsInAnotherOrder) {
  scan({write("a.csv", "t,d,c\n2020-01-01,1,A\n"), write("b.csv", "c,x,d,t\nA,,1,2020-01-02\n")},
       2);
  EXPECT_EQ(rows_, 2U);
  EXPECT_EQ(locator_.num_indexes(), 1U);
}

TEST_F(InputScanTest, SkippedRowsAreLeftOutOfTheFirstFileOnly) {
  profile_.skip_rows = 2;
  scan({write("a.csv", "t,d,c\nx\ny\n2020-01-01,1,A\n"),
        write("b.csv", "t,d,c\n2020-01-01,1,A\n2020-01-01,1,A\n")},
       2);
  EXPECT_EQ(rows_, 3U);
}

TEST_F(InputScanTest, SkippedRowsMayReachOverManyBlocks) {
  std::string text = "t,d,c\n";
  std::uint64_t rows = 0;
  for (; text.size() < (3U << 20); ++rows) text += "2020-01-01,1,A\n";
  profile_.skip_rows = rows - 5;
  EXPECT_TRUE(scan({write("a.csv", text)}, 2).empty());
  EXPECT_EQ(rows_, 5U);
}

TEST_F(InputScanTest, FilesWithoutHeaderNameTheirColumnsByNumber) {
  profile_.header = false;
  profile_.columns = {{"time", {"0"}}, {"district", {"1"}}, {"category", {"2"}}};
  EXPECT_TRUE(scan({write("a.csv", "2020-01-01,1,A\n2020-01-01,1,A\n")}, 2).empty());
  EXPECT_EQ(rows_, 2U);
}

TEST_F(InputScanTest, EmptyFileIsAnError) {
  EXPECT_THROW(scan({write("a.csv", "")}, 2), DataError);
  EXPECT_THROW(scan({write("b.csv", "\n\n\n")}, 2), DataError);
}

TEST_F(InputScanTest, DamageLaterInTheFileEndsTheScan) {
  std::string text = "t,d,c\n";
  while (text.size() < (3U << 20)) text += "2020-01-01,1,A\n";
  EXPECT_THROW(scan({write("a.csv", text + "2020-01-01,\"1,A\n")}, 2), DataError);
}

}  // namespace
}  // namespace precinct::data
