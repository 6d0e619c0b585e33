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

using Bytes16 = std::uint8_t __attribute__((vector_size(16)));

Bytes16 interleave_low(Bytes16 a, Bytes16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
Bytes16 interleave_high(Bytes16 a, Bytes16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}

/// Sixteen elements of E = 2, 4 or 8 bytes at a time: log2(E) perfect shuffles of their planes.
/// Returns how many elements were done.
template <std::size_t E>
std::size_t unshuffle_blocks(const std::byte* in, std::size_t count, std::byte* out) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    Bytes16 planes[E], next[E];
    for (std::size_t b = 0; b < E; ++b) std::memcpy(&planes[b], in + b * count + i, 16);
    for (std::size_t step = 1; step < E; step *= 2) {
      for (std::size_t k = 0; k < E / 2; ++k) {
        next[2 * k] = interleave_low(planes[k], planes[k + E / 2]);
        next[2 * k + 1] = interleave_high(planes[k], planes[k + E / 2]);
      }
      std::memcpy(planes, next, sizeof(planes));
    }
    std::memcpy(out + i * E, planes, sizeof(planes));
  }
  return i;
}

/// Where a chunk's elements lie in the dataset: `count` in each dimension (less than a chunk's at
/// the border), the trailing dimensions that chunks span wholly joined to dimension `run`.
struct Placement {
  std::vector<std::uint64_t> count;
  std::size_t run = 0;
  std::uint64_t run_elements = 1;  // contiguous in the chunk and in the dataset
  std::uint64_t first = 0;         // element of the dataset

  Placement(const ChunkLayout& layout, const ChunkLocation& location, const DatasetInfo& info) {
    const std::size_t rank = info.dims.size();
    count.resize(rank);
    for (std::size_t d = 0; d < rank; ++d) {
      count[d] = std::min(layout.chunk_dims[d], info.dims[d] - location.offset[d]);
      first = first * info.dims[d] + location.offset[d];
    }
    run = rank - 1;
    while (run > 0 && layout.chunk_dims[run] == info.dims[run]) run_elements *= count[run--];
    run_elements *= count[run];
  }
  /// The whole chunk is one piece of the dataset: it can be decoded in place.
  bool is_whole(const ChunkLayout& layout) const {
    return run == 0 && count[0] == layout.chunk_dims[0];
  }
};

/// Copies a decoded chunk into the dataset, leaving out what hangs over its border.
void place(const std::byte* chunk, const ChunkLayout& layout, const ChunkLocation& location,
           const DatasetInfo& info, const Placement& placement, std::size_t element,
           std::byte* out) {
  const std::size_t rank = info.dims.size();
  std::vector<std::uint64_t> index(rank, 0);
  while (true) {
    std::uint64_t from = 0, to = 0;
    for (std::size_t d = 0; d < rank; ++d) {
      from = from * layout.chunk_dims[d] + index[d];
      to = to * info.dims[d] + location.offset[d] + index[d];
    }
    std::memcpy(out + to * element, chunk + from * element, placement.run_elements * element);
    std::size_t d = placement.run;
    while (d > 0 && ++index[d - 1] == placement.count[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

ByteBuffer read_by_library(const Hdf5File& file, const std::string& dataset,
                           const DatasetInfo& info) {
  const auto pack = [](const auto& values) {
    ByteBuffer bytes(values.size() * sizeof(values[0]));
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

void unshuffle(const std::byte* in, std::size_t size, std::size_t element, std::byte* out) {
  const std::size_t count = size / element;
  const std::size_t done = element == 2   ? unshuffle_blocks<2>(in, count, out)
                           : element == 4 ? unshuffle_blocks<4>(in, count, out)
                           : element == 8 ? unshuffle_blocks<8>(in, count, out)
                                          : 0;
  for (std::size_t b = 0; b < element; ++b) {
    const std::byte* plane = in + b * count;
    for (std::size_t i = done; i < count; ++i) out[i * element + b] = plane[i];
  }
  for (std::size_t i = count * element; i < size; ++i) out[i] = in[i];
}

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
  thread_local ByteBuffer inflated;
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

ByteBuffer read_dataset(const std::filesystem::path& path, const std::string& dataset,
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
  ByteBuffer out(info.num_elements() * element);
  const File raw(path);
  const std::uint64_t file_bytes = std::filesystem::file_size(path);
  WorkerPool pool(static_cast<std::size_t>(std::max(1, num_threads)));
  for (std::size_t i = 0; i < layout->chunks.size(); ++i) {
    pool.submit([&, i] {
      const ChunkLocation& chunk = layout->chunks[i];
      const std::string where = fmt::format("{}: {}: chunk {}", path.string(), dataset, i);
      thread_local ByteBuffer stored, decoded;
      PRECINCT_CHECK(chunk.size <= file_bytes && chunk_bytes / 1'100 <= chunk.size + 64, DataError,
                     "{}: expected at most {} bytes that inflate to {}, found {}; the file is "
                     "damaged, make it again",
                     where, file_bytes, chunk_bytes, chunk.size);
      stored.resize(chunk.size);
      PRECINCT_CHECK(
          raw.read(stored.data(), stored.size(), chunk.address), DataError,
          "{}: expected {} bytes at {}, found the end of the file; it is cut short, make it again",
          where, chunk.size, chunk.address);
      const Placement placement(*layout, chunk, info);
      const bool in_place = placement.is_whole(*layout);
      if (!in_place) decoded.resize(chunk_bytes);
      std::byte* target = in_place ? out.data() + placement.first * element : decoded.data();
      decode_chunk(stored.data(), stored.size(), *layout, chunk.filter_mask, element, target,
                   chunk_bytes, where);
      if (!in_place) place(decoded.data(), *layout, chunk, info, placement, element, out.data());
    });
  }
  pool.wait();
  return out;
}

}  // namespace precinct::data
