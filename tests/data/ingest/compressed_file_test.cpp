// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/compressed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/pack.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

/// Text that no packer makes small.
std::string noise(std::size_t bytes) {
  std::string text(bytes, 0);
  std::uint64_t state = 88172645463325252ULL;
  for (char& c : text) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>('!' + state % 90);
  }
  return text;
}

class CompressedFilePacked : public testing::TestWithParam<const char*> {};

TEST_P(CompressedFilePacked, IsRecognisedByContentAndReadToTheEnd) {
  test::TemporaryFolder folder;
  const std::string text = noise(3 << 20);
  test::write_packed(folder / "packed", text, GetParam());
  EXPECT_EQ(read_compressed_file(folder / "packed"), text);
}

TEST_P(CompressedFilePacked, ConcatenatedMembersAreReadToTheEnd) {
  test::TemporaryFolder folder;
  test::write_packed(folder / "packed", noise(1000), GetParam());
  const std::string once = read_file(folder / "packed");
  write_file_atomically(folder / "twice", once + once);
  EXPECT_EQ(read_compressed_file(folder / "twice"), noise(1000) + noise(1000));
}

TEST_P(CompressedFilePacked, CutShortIsAnErrorAtAnyPlace) {
  test::TemporaryFolder folder;
  test::write_packed(folder / "packed", noise(300000), GetParam());
  const std::string whole = read_file(folder / "packed");
  for (const double share : {.1, .5, .9, .999}) {
    const auto bytes = static_cast<std::size_t>(static_cast<double>(whole.size()) * share);
    write_file_atomically(folder / "cut", whole.substr(0, bytes));
    EXPECT_THROW(read_compressed_file(folder / "cut"), DataError) << GetParam() << " " << share;
  }
}

INSTANTIATE_TEST_SUITE_P(Packers, CompressedFilePacked, testing::Values("gzip", "xz", "zstd"),
                         [](const auto& info) { return std::string(info.param); });

TEST(CompressedFile, PlainFileIsHandedThroughAndAnEmptyOneIsEmpty) {
  test::TemporaryFolder folder;
  write_file_atomically(folder / "plain", "a,b\n");
  write_file_atomically(folder / "empty", "");
  EXPECT_EQ(read_compressed_file(folder / "plain"), "a,b\n");
  EXPECT_EQ(read_compressed_file(folder / "empty"), "");
}

TEST(CompressedFile, MissingFileAndFolderAreIoErrorsThatNameThem) {
  test::TemporaryFolder folder;
  try {
    CompressedFile file(folder / "nowhere.csv");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("nowhere.csv: No such file"));
  }
  EXPECT_THROW(CompressedFile(folder.path()), IoError);
}

TEST(CompressedFile, ContentOverTheLimitIsRefused) {
  test::TemporaryFolder folder;
  test::write_packed(folder / "packed", std::string(5 << 20, 'x'), "gzip");
  EXPECT_THROW(read_compressed_file(folder / "packed", 1 << 20), DataError);
}

}  // namespace
}  // namespace precinct::data
