// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/chunk_reader.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/worker_pool.h"

namespace precinct::data {
namespace {

class File {
 public:
  explicit File(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    PRECINCT_CHECK(descriptor_ >= 0, IoError, "{}; expected a readable file",
                   errno_text(path.string(), errno));
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_WILLNEED);
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  /// False at the end of the file or on an error.
  bool read(std::byte* out, std::size_t size, std::uint64_t at) const {
    while (size > 0) {
      const ssize_t count = ::pread(descriptor_, out, size, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      out += count;
      at += static_cast<std::uint64_t>(count);
      size -= static_cast<std::size_t>(count);
    }
    return true;
  }

 private:
  int descriptor_;
};

void unshuffle(const std::byte* in, std::size_t size, std::size_t element, std::byte* out) {
  const std::size_t count = size / element;
  for (std::size_t b = 0; b < element; ++b) {
    const std::byte* plane = in + b * count;
    for (std::size_t i = 0; i < count; ++i) out[i * element + b] = plane[i];
  }
  std::memcpy(out + count * element, in + count * element, size - count * element);
}

/// Copies a decoded chunk into the dataset, leaving out what hangs over its border.
void place(const std::byte* chunk, const ChunkLayout& layout, const ChunkLocation& location,
           const DatasetInfo& info, std::size_t element, std::byte* out) {
  const std::size_t rank = info.dims.size();
  std::vector<std::uint64_t> count(rank);
  for (std::size_t d = 0; d < rank; ++d)
    count[d] = std::min(layout.chunk_dims[d], info.dims[d] - location.offset[d]);
  std::vector<std::uint64_t> index(rank, 0);
  while (true) {
    std::uint64_t from = 0, to = 0;
    for (std::size_t d = 0; d < rank; ++d) {
      from = from * layout.chunk_dims[d] + index[d];
      to = to * info.dims[d] + location.offset[d] + index[d];
    }
    std::memcpy(out + to * element, chunk + from * element, count[rank - 1] * element);
    std::size_t d = rank - 1;  // the last dimension is copied whole
    while (d > 0 && ++index[d - 1] == count[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

std::vector<std::byte> read_by_library(const Hdf5File& file, const std::string& dataset,
                                       const DatasetInfo& info) {
  const auto pack = [](const auto& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(values[0]));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  };
  switch (info.type) {
    case ElementType::kU8:
      return pack(file.read<std::uint8_t>(dataset));
    case ElementType::kU16:
      return pack(file.read<std::uint16_t>(dataset));
    case ElementType::kU32:
      return pack(file.read<std::uint32_t>(dataset));
    case ElementType::kU64:
      return pack(file.read<std::uint64_t>(dataset));
    case ElementType::kI32:
      return pack(file.read<std::int32_t>(dataset));
    case ElementType::kI64:
      return pack(file.read<std::int64_t>(dataset));
    case ElementType::kF32:
      return pack(file.read<float>(dataset));
    case ElementType::kF64:
      return pack(file.read<double>(dataset));
  }
  return {};
}

}  // namespace

std::uint32_t fletcher32(const std::byte* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data);
  std::uint32_t sum1 = 0, sum2 = 0;
  std::size_t words = size / 2;
  while (words > 0) {
    const std::size_t block = words > 360 ? 360 : words;
    words -= block;
    for (std::size_t i = 0; i < block; ++i, bytes += 2) {
      sum1 += static_cast<std::uint32_t>((bytes[0] << 8) | bytes[1]);
      sum2 += sum1;
    }
    sum1 = (sum1 & 0xFFFF) + (sum1 >> 16);
    sum2 = (sum2 & 0xFFFF) + (sum2 >> 16);
  }
  if (size % 2 != 0) {
    sum1 += static_cast<std::uint32_t>(*bytes << 8);
    sum2 += sum1;
    sum1 = (sum1 & 0xFFFF) + (sum1 >> 16);
    sum2 = (sum2 & 0xFFFF) + (sum2 >> 16);
  }
  sum1 = (sum1 & 0xFFFF) + (sum1 >> 16);
  sum2 = (sum2 & 0xFFFF) + (sum2 >> 16);
  return (sum2 << 16) | sum1;
}

void decode_chunk(const std::byte* stored, std::size_t stored_bytes, const ChunkLayout& layout,
                  std::uint32_t filter_mask, std::size_t element_size, std::byte* out,
                  std::size_t out_bytes, const std::string& where) {
  PRECINCT_CHECK(filter_mask == 0, DataError,
                 "{}: expected all filters, found mask {:#x}; read it through the library", where,
                 filter_mask);
  if (layout.fletcher32) {
    PRECINCT_CHECK(stored_bytes > 4, DataError,
                   "{}: expected a checksum, found {} bytes; the file is damaged", where,
                   stored_bytes);
    stored_bytes -= 4;
    std::uint32_t expected = 0;
    for (int i = 3; i >= 0; --i)
      expected = (expected << 8) |
                 static_cast<std::uint32_t>(stored[stored_bytes + static_cast<std::size_t>(i)]);
    const std::uint32_t found = fletcher32(stored, stored_bytes);
    PRECINCT_CHECK(found == expected, DataError,
                   "{}: expected checksum {:08x}, found {:08x}; the file is damaged, make it again",
                   where, expected, found);
  }
  std::vector<std::byte> inflated;
  const std::byte* plain = stored;
  std::size_t plain_bytes = stored_bytes;
  if (layout.deflate) {
    thread_local const std::unique_ptr<libdeflate_decompressor,
                                       decltype(&libdeflate_free_decompressor)>
        decompressor(libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
    std::byte* target = out;
    if (layout.shuffle && element_size > 1) {
      inflated.resize(out_bytes);
      target = inflated.data();
    }
    const auto result = libdeflate_zlib_decompress(decompressor.get(), stored, stored_bytes, target,
                                                   out_bytes, &plain_bytes);
    PRECINCT_CHECK(
        result == LIBDEFLATE_SUCCESS && plain_bytes == out_bytes, DataError,
        "{}: expected {} bytes after inflating, found an error; the file is damaged, make it again",
        where, out_bytes);
    plain = target;
  }
  PRECINCT_CHECK(plain_bytes == out_bytes, DataError,
                 "{}: expected {} bytes, found {}; the file is damaged", where, out_bytes,
                 plain_bytes);
  if (layout.shuffle && element_size > 1) {
    unshuffle(plain, out_bytes, element_size, out);
  } else if (plain != out) {
    std::memcpy(out, plain, out_bytes);
  }
}

std::vector<std::byte> read_dataset(const std::filesystem::path& path, const std::string& dataset,
                                    int num_threads) {
  const Hdf5File file = Hdf5File::open(path);
  const DatasetInfo info = file.info(dataset);
  const auto layout = file.chunk_layout(dataset);
  const std::size_t element = element_bytes(info.type);
  if (!layout) return read_by_library(file, dataset, info);
  for (const auto& chunk : layout->chunks) {
    if (chunk.filter_mask != 0) return read_by_library(file, dataset, info);
  }
  std::uint64_t chunk_elements = 1;
  for (const std::uint64_t d : layout->chunk_dims) chunk_elements *= d;
  const std::size_t chunk_bytes = chunk_elements * element;
  std::vector<std::byte> out(info.num_elements() * element);
  const File raw(path);
  const std::uint64_t file_bytes = std::filesystem::file_size(path);
  WorkerPool pool(static_cast<std::size_t>(std::max(1, num_threads)));
  for (std::size_t i = 0; i < layout->chunks.size(); ++i) {
    pool.submit([&, i] {
      const ChunkLocation& chunk = layout->chunks[i];
      const std::string where = fmt::format("{}: {}: chunk {}", path.string(), dataset, i);
      thread_local std::vector<std::byte> stored, decoded;
      PRECINCT_CHECK(chunk.size <= file_bytes && chunk_bytes / 1'100 <= chunk.size + 64, DataError,
                     "{}: expected at most {} bytes that inflate to {}, found {}; the file is "
                     "damaged, make it again",
                     where, file_bytes, chunk_bytes, chunk.size);
      stored.resize(chunk.size);
      decoded.resize(chunk_bytes);
      PRECINCT_CHECK(
          raw.read(stored.data(), stored.size(), chunk.address), DataError,
          "{}: expected {} bytes at {}, found the end of the file; it is cut short, make it again",
          where, chunk.size, chunk.address);
      decode_chunk(stored.data(), stored.size(), *layout, chunk.filter_mask, element,
                   decoded.data(), chunk_bytes, where);
      place(decoded.data(), *layout, chunk, info, element, out.data());
    });
  }
  pool.wait();
  return out;
}

}  // namespace precinct::data
