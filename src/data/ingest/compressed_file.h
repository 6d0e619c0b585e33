// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace precinct::data {

/// A file read as a stream of plain bytes; gz, xz, zst and bz2 are recognised by content
/// (libarchive). A truncated or damaged file is reported when the damage is reached, after some
/// bytes were handed out: commit nothing before a clean end.
class CompressedFile {
 public:
  /// Throws IoError when it cannot be opened.
  explicit CompressedFile(const std::filesystem::path& path);
  ~CompressedFile();
  CompressedFile(CompressedFile&&) noexcept;
  /// Fills `out` as far as there are bytes; 0 at the end. Throws DataError for a damaged file.
  std::size_t read(std::span<char> out);
  /// Stored bytes consumed so far, for progress.
  std::uint64_t stored_bytes_read() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The whole content; at most `limit` bytes, else DataError.
std::string read_compressed_file(const std::filesystem::path& path,
                                 std::uint64_t limit = std::uint64_t{1} << 28);

}  // namespace precinct::data
