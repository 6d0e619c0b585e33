// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/store/hdf5_file.h"

namespace precinct::data {

/// Reads a chunked dataset without HDF5's global lock: the chunks are indexed once through HDF5,
/// then worker threads pread() them, check Fletcher32, inflate (libdeflate) and unshuffle. Other
/// layouts and filters go through H5Dread. Throws DataError naming file, dataset and chunk.
/// `num_threads` >= 1. Returns the raw bytes of the whole dataset, row-major.
std::vector<std::byte> read_dataset(const std::filesystem::path& path, const std::string& dataset,
                                    int num_threads);

/// Decodes one stored chunk into `out` (exactly out_bytes). Exposed for tests and benches.
void decode_chunk(const std::byte* stored, std::size_t stored_bytes, const ChunkLayout& layout,
                  std::uint32_t filter_mask, std::size_t element_size, std::byte* out,
                  std::size_t out_bytes, const std::string& where);

/// The checksum of HDF5's filter of that name.
std::uint32_t fletcher32(const std::byte* data, std::size_t size);

}  // namespace precinct::data
