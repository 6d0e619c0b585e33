// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/file_kind.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "data/store/hdf5_file.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

using namespace std::string_view_literals;

FileKind kind_of(std::string_view bytes, const std::string& name = "file.h5") {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / name, bytes);
  return file_kind(folder / name);
}

TEST(FileKind, IsSaidByTheBytesAndNotByTheName) {
  auto file = Hdf5File::create_in_memory();
  const auto image = file.image();
  const std::string_view hdf5(reinterpret_cast<const char*>(image.data()), image.size());
  EXPECT_EQ(kind_of(hdf5, "counts.csv"), FileKind::kHdf5);
  EXPECT_EQ(kind_of("id,time\n1,2020\n"), FileKind::kCsv);
  EXPECT_EQ(kind_of("these are no counts\nnor these, here\n"), FileKind::kText);
  EXPECT_EQ(kind_of("Stra\xc3\x9f"
                    "e\t1\r\n"),
            FileKind::kText);
  EXPECT_EQ(kind_of(" {\"type\": 1, \"features\": []}"), FileKind::kJson);
  EXPECT_EQ(kind_of("[1, 2]", "forecast.geojson"), FileKind::kJson);
  EXPECT_EQ(kind_of(""), FileKind::kEmpty);
  EXPECT_EQ(kind_of("\x1f\x8b\x08\0\0"sv), FileKind::kCompressed);
  EXPECT_EQ(kind_of("\xfd"
                    "7zXZ\0\0"sv),
            FileKind::kCompressed);
  EXPECT_EQ(kind_of("a,b\n\0"sv), FileKind::kOther);
  EXPECT_EQ(kind_of("\x7f"
                    "ELF"),
            FileKind::kOther);
}

TEST(FileKind, OneColumnIsACsvWhenItIsNamedSo) {
  EXPECT_EQ(kind_of("time\n2020-01-01\n", "times.csv"), FileKind::kCsv);
}

TEST(FileKind, ABrokenSignatureIsNoHdf5) {
  EXPECT_EQ(kind_of("\x89HDF\r\n\x1a"), FileKind::kOther);
  EXPECT_EQ(kind_of("\x89HDF\n\x1a\n"), FileKind::kOther);  // sent as text
}

TEST(FileKind, EachHasItsOwnWords) {
  EXPECT_EQ(words(FileKind::kCsv), "a CSV file");
  EXPECT_EQ(words(FileKind::kHdf5), "an HDF5 file");
  EXPECT_EQ(words(FileKind::kOther), "a binary file");
}

}  // namespace
}  // namespace precinct::data
