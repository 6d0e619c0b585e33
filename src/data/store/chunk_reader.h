// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "data/store/hdf5_file.h"

namespace precinct::data {

/// Leaves new elements of a vector uninitialised: the threads that fill it touch its pages first.
template <typename T>
struct UninitializedAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
  template <typename U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
};
using ByteBuffer = std::vector<std::byte, UninitializedAllocator<std::byte>>;

/// Reads a chunked dataset without HDF5's global lock: the chunks are indexed once through HDF5,
/// then worker threads pread() them, check Fletcher32, inflate (libdeflate) and unshuffle. Other
/// layouts and filters go through H5Dread. Throws DataError naming file, dataset and chunk.
/// `num_threads` >= 1. Returns the raw bytes of the whole dataset, row-major.
ByteBuffer read_dataset(const std::filesystem::path& path, const std::string& dataset,
                        int num_threads);

/// Decodes one stored chunk into `out` (exactly out_bytes). Exposed for tests and benches.
void decode_chunk(const std::byte* stored, std::size_t stored_bytes, const ChunkLayout& layout,
                  std::uint32_t filter_mask, std::size_t element_size, std::byte* out,
                  std::size_t out_bytes, const std::string& where);

/// Undoes HDF5's shuffle: byte plane b of `in` becomes byte b of each element of `out`; bytes after
/// the last whole element are copied.
void unshuffle(const std::byte* in, std::size_t size, std::size_t element, std::byte* out);

/// The checksum of HDF5's filter of that name.
std::uint32_t fletcher32(const std::byte* data, std::size_t size);

}  // namespace precinct::data
