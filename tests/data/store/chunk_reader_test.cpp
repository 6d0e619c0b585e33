// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/chunk_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <type_traits>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/rng.h"
#include "tests/support/hdf5_made.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

using test::MadeHdf5;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Filters = std::vector<H5Z_filter_t>;

const Filters kAll = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32};

/// Values that use all bytes of T and still compress.
template <typename T>
std::vector<T> made_values(std::size_t count, std::uint64_t seed = 5) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double draw = uniform(seed, i);
    values[i] = draw < .7 ? static_cast<T>(i % 3) : static_cast<T>(uniform(seed + 1, i) * 4e9);
  }
  return values;
}

template <typename T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return H5T_NATIVE_UINT16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_NATIVE_UINT32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
  if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
  if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
}

template <typename T>
std::vector<T> as(const ByteBuffer& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// read_dataset() with 1, 2 and 5 threads must give what H5Dread gives.
template <typename T>
void expect_as_h5dread(const std::filesystem::path& path, bool direct) {
  std::vector<T> expected = MadeHdf5::open(path, false).read<T>("/x", native_type<T>());
  EXPECT_EQ(Hdf5File::open(path).chunk_layout("/x").has_value(), direct);
  for (const int threads : {1, 2, 5})
    EXPECT_EQ(as<T>(read_dataset(path, "/x", threads)), expected) << threads << " threads";
}

template <typename T>
class ChunkReaderOf : public testing::Test {};
using Types = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t,
                             std::int32_t, std::int64_t, float, double>;
TYPED_TEST_SUITE(ChunkReaderOf, Types);

TYPED_TEST(ChunkReaderOf, EqualsH5DreadForEveryLayoutAndFilterSet) {
  test::TemporaryFolder folder;
  struct Shape {
    std::vector<hsize_t> dims, chunk;
  };
  const Shape shapes[] = {{{1'000}, {1'000}},           {{1'000}, {64}},
                          {{37, 11}, {5, 11}},          {{37, 11}, {5, 4}},
                          {{20, 9, 3}, {7, 9, 3}},      {{20, 9, 3}, {6, 4, 2}},
                          {{4, 5, 3, 7}, {3, 2, 2, 5}}, {{1, 1, 1}, {1, 1, 1}}};
  const Filters filters[] = {{},
                             {H5Z_FILTER_SHUFFLE},
                             {H5Z_FILTER_DEFLATE},
                             {H5Z_FILTER_FLETCHER32},
                             {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE},
                             kAll};
  for (const auto& [dims, chunk] : shapes) {
    hsize_t count = 1;
    for (const hsize_t d : dims) count *= d;
    const auto values = made_values<TypeParam>(count);
    for (const Filters& filter : filters) {
      for (const bool latest : {true, false}) {
        SCOPED_TRACE(testing::PrintToString(chunk) + testing::PrintToString(filter));
        MadeHdf5::create(folder / "a.h5", latest)
            .add("/x", native_type<TypeParam>(), dims, {.chunk = chunk, .filters = filter},
                 native_type<TypeParam>(), values.data());
        expect_as_h5dread<TypeParam>(folder / "a.h5", true);
        EXPECT_EQ(as<TypeParam>(read_dataset(folder / "a.h5", "/x", 2)), values);
      }
    }
  }
}

// Each kind of chunk index that HDF5 1.10 writes: single chunk and fixed array above; extensible
// array (one unlimited dimension), B-tree (two), implicit (allocated early, no filter).
TEST(ChunkReader, ReadsEveryKindOfChunkIndex) {
  test::TemporaryFolder folder;
  const auto values = made_values<std::uint16_t>(600);
  const std::vector<std::pair<std::vector<hsize_t>, Filters>> cases = {
      {{H5S_UNLIMITED, 12}, kAll}, {{H5S_UNLIMITED, H5S_UNLIMITED}, kAll}, {{50, 12}, {}}};
  for (const auto& [max_dims, filters] : cases) {
    MadeHdf5::create(folder / "a.h5")
        .add("/x", H5T_NATIVE_UINT16, {50, 12},
             {.chunk = {8, 5}, .max_dims = max_dims, .filters = filters, .early = filters.empty()},
             H5T_NATIVE_UINT16, values.data());
    expect_as_h5dread<std::uint16_t>(folder / "a.h5", true);
  }
}

TEST(ChunkReader, OtherLayoutsAndFiltersGoThroughTheLibrary) {
  test::TemporaryFolder folder;
  const auto values = made_values<std::uint16_t>(1'000);
  const auto path = folder / "a.h5";
  const auto make = [&](hid_t type, const MadeHdf5::Layout& layout) {
    MadeHdf5::create(path).add("/x", type, {1'000}, layout, H5T_NATIVE_UINT16, values.data());
  };
  make(H5T_NATIVE_UINT16, {});  // contiguous
  expect_as_h5dread<std::uint16_t>(path, false);
  make(H5T_STD_U16BE, {.chunk = {64}, .filters = kAll});  // other byte order
  expect_as_h5dread<std::uint16_t>(path, false);
  for (const Filters& filters :
       {Filters{H5Z_FILTER_SCALEOFFSET}, Filters{H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE},
        Filters{H5Z_FILTER_DEFLATE, H5Z_FILTER_DEFLATE},
        Filters{H5Z_FILTER_FLETCHER32, H5Z_FILTER_DEFLATE},
        Filters{H5Z_FILTER_FLETCHER32, H5Z_FILTER_FLETCHER32}, Filters{H5Z_FILTER_NBIT}}) {
    SCOPED_TRACE(testing::PrintToString(filters));
    make(H5T_NATIVE_UINT16, {.chunk = {64}, .filters = filters});
    expect_as_h5dread<std::uint16_t>(path, false);
  }
}

TEST(ChunkReader, ChunksNeverWrittenHoldTheFillValue) {
  test::TemporaryFolder folder;
  const auto values = made_values<std::uint16_t>(100);
  auto file = MadeHdf5::create(folder / "a.h5");
  file.add("/x", H5T_NATIVE_UINT16, {1'000}, {.chunk = {64}, .filters = kAll, .fill = 77},
           H5T_NATIVE_UINT16, nullptr);
  file.write_part("/x", H5T_NATIVE_UINT16, 300, 100, values.data());
  { const MadeHdf5 closed = std::move(file); }
  expect_as_h5dread<std::uint16_t>(folder / "a.h5", false);
  EXPECT_EQ(as<std::uint16_t>(read_dataset(folder / "a.h5", "/x", 2))[0], 77);
}

// Writers may leave a filter out for one chunk and say so in its mask.
TEST(ChunkReader, ChunksThatSkippedAFilterGoThroughTheLibrary) {
  test::TemporaryFolder folder;
  auto values = made_values<std::uint8_t>(4'096);
  {
    auto file = MadeHdf5::create(folder / "a.h5");
    file.add("/x", H5T_NATIVE_UINT8, {4'096}, {.chunk = {256}, .filters = {H5Z_FILTER_DEFLATE}},
             H5T_NATIVE_UINT8, values.data());
    std::fill_n(values.begin() + 512, 256, std::uint8_t{9});
    file.write_raw_chunk("/x", 512, /*filter_mask=*/1, std::vector<std::uint8_t>(256, 9));
  }
  const auto layout = Hdf5File::open(folder / "a.h5").chunk_layout("/x");
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->chunks[2].filter_mask, 1U);
  for (const int threads : {1, 2})
    EXPECT_EQ(as<std::uint8_t>(read_dataset(folder / "a.h5", "/x", threads)), values);
}

TEST(ChunkReader, UserBlocksShiftNothing) {
  test::TemporaryFolder folder;
  const auto values = made_values<std::uint16_t>(1'000);
  for (const Filters& filters : {Filters{}, kAll}) {
    MadeHdf5::create(folder / "a.h5", true, 1'024)
        .add("/x", H5T_NATIVE_UINT16, {1'000}, {.chunk = {64}, .filters = filters},
             H5T_NATIVE_UINT16, values.data());
    for (const int threads : {1, 2})
      EXPECT_EQ(as<std::uint16_t>(read_dataset(folder / "a.h5", "/x", threads)), values);
  }
}

TEST(ChunkReader, Fletcher32IsTheChecksumThatTheLibraryStores) {
  test::TemporaryFolder folder;
  for (hsize_t size = 1; size < 1'500; size += 1 + size / 3) {  // odd and even, over 360 words
    const auto values = made_values<std::uint8_t>(size, size);
    MadeHdf5::create(folder / "a.h5")
        .add("/x", H5T_NATIVE_UINT8, {size}, {.chunk = {size}, .filters = {H5Z_FILTER_FLETCHER32}},
             H5T_NATIVE_UINT8, values.data());
    const auto layout = Hdf5File::open(folder / "a.h5").chunk_layout("/x");
    const ChunkLocation& chunk = layout->chunks.at(0);
    ASSERT_EQ(chunk.size, size + 4);
    const std::string file = read_file(folder / "a.h5");
    std::uint32_t stored = 0;
    std::memcpy(&stored, file.data() + chunk.address + size, 4);
    EXPECT_EQ(fletcher32(reinterpret_cast<const std::byte*>(values.data()), size), stored) << size;
  }
}

/// A file of 10 chunks in which one byte of chunk 6 is changed.
class DamagedChunk : public testing::Test {
 protected:
  void SetUp() override {
    const auto values = made_values<std::uint16_t>(10'000);
    MadeHdf5::create(path_).add("/counts", H5T_NATIVE_UINT16, {10'000},
                                {.chunk = {1'000}, .filters = kAll}, H5T_NATIVE_UINT16,
                                values.data());
    chunk_ = Hdf5File::open(path_).chunk_layout("/counts")->chunks.at(6);
  }
  void change_byte(std::uint64_t at) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  std::string message(int threads) {
    try {
      read_dataset(path_, "/counts", threads);
    } catch (const DataError& error) {
      return error.what();
    }
    return "accepted";
  }
  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "panel.h5";
  ChunkLocation chunk_;
};

TEST_F(DamagedChunk, IsNamedWithFileDatasetAndChunkWhateverByteChanged) {
  for (std::uint64_t byte = 0; byte < chunk_.size; byte += 1 + chunk_.size / 40) {
    change_byte(chunk_.address + byte);
    for (const int threads : {1, 2})
      EXPECT_THAT(message(threads),
                  AllOf(HasSubstr(path_.string() + ": /counts: chunk 6: expected checksum"),
                        Not(HasSubstr("\n"))))
          << "byte " << byte;
    change_byte(chunk_.address + byte);
  }
  EXPECT_EQ(message(2), "accepted");
}

TEST_F(DamagedChunk, IsNamedAlsoWhereNoChecksumIsKept) {
  const auto values = made_values<std::uint16_t>(10'000);
  MadeHdf5::create(path_).add(
      "/counts", H5T_NATIVE_UINT16, {10'000},
      {.chunk = {1'000}, .filters = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE}}, H5T_NATIVE_UINT16,
      values.data());
  const auto chunk = Hdf5File::open(path_).chunk_layout("/counts")->chunks.at(3);
  change_byte(chunk.address + chunk.size - 1);  // of zlib's Adler-32
  EXPECT_THAT(message(2), HasSubstr("/counts: chunk 3: expected 2000 bytes after inflating"));
}

TEST(Unshuffle, GathersThePlanesOfEverySizeAndElement) {
  for (const std::size_t element : {1, 2, 3, 4, 8}) {
    for (const std::size_t size : {0, 1, 7, 16, 31, 32, 33, 128, 129, 1'000}) {
      std::vector<std::byte> in(size), out(size), expected(size);
      for (std::size_t i = 0; i < size; ++i) in[i] = static_cast<std::byte>(philox(3, i)[0]);
      const std::size_t count = size / element;
      for (std::size_t i = 0; i < size; ++i)  // byte b of element i comes from plane b
        expected[i] = i < count * element ? in[i % element * count + i / element] : in[i];
      unshuffle(in.data(), size, element, out.data());
      EXPECT_EQ(out, expected) << element << " " << size;
    }
  }
}

TEST(DecodeChunk, WrongSizesAreDataErrors) {
  const std::vector<std::byte> stored(16);
  std::vector<std::byte> out(16);
  const auto decode = [&](const ChunkLayout& layout, std::size_t size, std::uint32_t mask = 0) {
    decode_chunk(stored.data(), size, layout, mask, 2, out.data(), out.size(), "here");
  };
  EXPECT_NO_THROW(decode({}, 16));
  EXPECT_THROW(decode({}, 15), DataError);
  EXPECT_THROW(decode({}, 16, 1), DataError);
  ChunkLayout checked, deflated;
  checked.fletcher32 = true;
  deflated.deflate = true;
  EXPECT_THROW(decode(checked, 4), DataError);
  EXPECT_THROW(decode(deflated, 16), DataError);
}

}  // namespace
}  // namespace precinct::data
