// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/hdf5_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "base/error.h"
#include "tests/support/hdf5_made.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void save(Hdf5File& file, const std::filesystem::path& path) {
  const auto bytes = file.image();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Hdf5File, LibraryIsTheThreadSafeOne) { EXPECT_TRUE(hdf5_is_thread_safe()); }

TEST(Hdf5File, NumbersStringsAndAttributesComeBack) {
  test::TemporaryFolder folder;
  const std::vector<std::uint16_t> counts = {1, 2, 65'535, 4, 5, 6};
  {
    Hdf5File file = Hdf5File::create_in_memory();
    file.make_group("/nodes");
    file.write("/nodes/counts", ElementType::kU16, {3, 2}, counts.data(), 2);
    file.write("/nodes/area", std::vector<double>{.1, -2e300});
    file.write("/nodes/float", std::vector<float>{.1F});
    file.write("/nodes/signed", std::vector<std::int32_t>{-7});
    file.write("/nodes/wide", std::vector<std::uint64_t>{UINT64_MAX});
    file.write("/nodes/none", std::vector<std::int64_t>{});
    file.write_strings("/nodes/name", {"Cañada", "", "x"});
    file.write_attribute("/", "bin", "hours:6");
    file.write_attribute("/nodes", "empty", "");
    save(file, folder / "a.h5");
  }
  const auto file = Hdf5File::open(folder / "a.h5");
  const auto info = file.info("/nodes/counts");
  EXPECT_EQ(info.type, ElementType::kU16);
  EXPECT_THAT(info.dims, ElementsAre(3, 2));
  EXPECT_EQ(info.num_elements(), 6U);
  EXPECT_EQ(file.read<std::uint16_t>("/nodes/counts"), counts);
  EXPECT_THAT(file.read<double>("/nodes/counts"), ElementsAre(1, 2, 65'535, 4, 5, 6));
  EXPECT_THAT(file.read<double>("/nodes/area"), ElementsAre(.1, -2e300));
  EXPECT_THAT(file.read<float>("/nodes/float"), ElementsAre(.1F));
  EXPECT_THAT(file.read<std::int32_t>("/nodes/signed"), ElementsAre(-7));
  EXPECT_THAT(file.read<std::uint64_t>("/nodes/wide"), ElementsAre(UINT64_MAX));
  EXPECT_THAT(file.read<std::int64_t>("/nodes/none"), ElementsAre());
  EXPECT_THAT(file.read_strings("/nodes/name"), ElementsAre("Cañada", "", "x"));
  EXPECT_EQ(file.attribute("/", "bin"), "hours:6");
  EXPECT_EQ(file.attribute("/nodes", "empty"), "");
  EXPECT_TRUE(file.has_attribute("/", "bin"));
  EXPECT_FALSE(file.has_attribute("/", "bins"));
  EXPECT_TRUE(file.exists("/nodes/name"));
  EXPECT_FALSE(file.exists("/nodes/names"));
  EXPECT_FALSE(file.exists("/edges/names"));
  EXPECT_THAT(file.children("/"), ElementsAre("nodes"));
  EXPECT_THAT(file.children("/nodes"),
              ElementsAre("area", "counts", "float", "name", "none", "signed", "wide"));
}

TEST(Hdf5File, ChunkLayoutSaysWhereTheChunksLie) {
  test::TemporaryFolder folder;
  std::vector<std::uint32_t> values(50);
  std::iota(values.begin(), values.end(), 0U);
  {
    Hdf5File file = Hdf5File::create_in_memory();
    file.write("/x", ElementType::kU32, {10, 5}, values.data(), 4);
    file.write("/plain", values);
    save(file, folder / "a.h5");
  }
  const auto file = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(file.chunk_layout("/plain"), std::nullopt);
  const auto layout = file.chunk_layout("/x");
  ASSERT_TRUE(layout);
  EXPECT_THAT(layout->chunk_dims, ElementsAre(4, 5));
  EXPECT_TRUE(layout->shuffle && layout->deflate && layout->fletcher32);
  ASSERT_EQ(layout->chunks.size(), 3U);
  EXPECT_THAT(layout->chunks[2].offset, ElementsAre(8, 0));
  EXPECT_GT(layout->chunks[0].size, 4U);
  EXPECT_EQ(layout->chunks[0].filter_mask, 0U);
}

TEST(Hdf5File, EqualContentIsEqualBytes) {
  const auto make = [](int last) {
    Hdf5File file = Hdf5File::create_in_memory();
    file.make_group("/g");
    file.write("/g/x", std::vector<std::int32_t>{1, 2, last});
    file.write_attribute("/g", "kind", "a");
    return file.image();
  };
  EXPECT_EQ(make(3), make(3));
  EXPECT_NE(make(3), make(4));
}

TEST(Hdf5File, MissingOrForeignFilesAreRefusedByName) {
  test::TemporaryFolder folder;
  EXPECT_THROW(Hdf5File::open(folder / "none.h5"), IoError);
  std::ofstream(folder / "text.h5") << "source,target\n";
  EXPECT_THAT(message_of([&] { Hdf5File::open(folder / "text.h5"); }),
              HasSubstr("text.h5: expected an HDF5 file"));
}

TEST(Hdf5File, WhatIsNotThereOrOfAnotherKindIsADataErrorThatNamesIt) {
  test::TemporaryFolder folder;
  const std::vector<int> values = {1, -2, 3};
  {
    auto file = test::MadeHdf5::create(folder / "a.h5");
    file.add("/small", H5T_STD_I8LE, {3}, {}, H5T_NATIVE_INT, values.data());
    file.add("/short", H5T_STD_I16LE, {3}, {}, H5T_NATIVE_INT, values.data());
    file.add("/wide", H5T_STD_I64LE, {3}, {}, H5T_NATIVE_INT, values.data());
    file.set_attribute("/", "twice", "some longer text", 2);
    const hid_t group = H5Gcreate2(file.id(), "/group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
  }
  const auto file = Hdf5File::open(folder / "a.h5");
  EXPECT_THAT(message_of([&] { file.info("/none"); }),
              HasSubstr("a.h5: /none: expected a dataset"));
  EXPECT_THAT(message_of([&] { file.info("/group"); }), HasSubstr("/group: expected a dataset"));
  EXPECT_THAT(message_of([&] { file.children("/none"); }), HasSubstr("/none: expected a group"));
  EXPECT_THAT(message_of([&] { file.attribute("/", "none"); }), HasSubstr("/@none"));
  EXPECT_THAT(message_of([&] { file.attribute("/", "twice"); }), HasSubstr("one fixed-length"))
      << "two strings do not fit where one was expected";
  EXPECT_THAT(message_of([&] { file.read_strings("/wide"); }), HasSubstr("fixed-length strings"));
  EXPECT_THAT(message_of([&] { file.read<std::uint8_t>("/small"); }), HasSubstr("unsigned"))
      << "a negative number must not become 0";
  EXPECT_THAT(message_of([&] { file.read<std::uint16_t>("/short"); }), HasSubstr("unsigned"));
}

TEST(Hdf5File, ExtentsThatNoFileOfThisSizeCanHoldAreRefusedBeforeMemoryIsAskedFor) {
  test::TemporaryFolder folder;
  {
    auto file = test::MadeHdf5::create(folder / "a.h5");
    file.add("/large", H5T_STD_U8LE, {hsize_t{1} << 38}, {.chunk = {hsize_t{1} << 20}},
             H5T_NATIVE_UINT8, nullptr);
    file.add("/overflow", H5T_STD_U8LE, {hsize_t{1} << 33, hsize_t{1} << 33},
             {.chunk = {1, 1 << 20}}, H5T_NATIVE_UINT8, nullptr);
  }
  const auto file = Hdf5File::open(folder / "a.h5");
  for (const char* name : {"/large", "/overflow"}) {
    EXPECT_THAT(message_of([&] { file.read<std::uint8_t>(name); }), HasSubstr("found an extent"));
    EXPECT_THAT(message_of([&] { file.chunk_layout(name); }), HasSubstr("found an extent"));
  }
}

}  // namespace
}  // namespace precinct::data
