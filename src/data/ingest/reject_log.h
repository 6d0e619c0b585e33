// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace precinct::data {

/// A row that was not counted, and why.
struct Reject {
  std::uint32_t file = 0;  // number of the input
  std::uint64_t line = 0;  // from 1
  std::uint64_t byte = 0;  // of the unpacked file, from 0
  std::string column;      // empty: the whole row
  std::string kind;
  std::string snippet;  // at most 80 bytes, never a person field
  std::string message;
};

/// Writes text to a file that is not visible yet, and says when the disk is full. Not thread-safe.
class TextWriter {
 public:
  /// Throws IoError.
  explicit TextWriter(std::filesystem::path path);
  void write(std::string_view text);
  /// Flushes to the disk and closes; throws IoError.
  void finish();

 private:
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

/// One CSV line each: file,line,byte,column,kind,snippet,message.
std::string reject_header();
std::string reject_line(const Reject& reject, const std::string& file_name);

/// Quotes a CSV field when it must be.
std::string csv_quote(std::string_view text);

/// At most `limit` bytes on one line; control bytes become spaces, a cut character goes whole.
std::string snippet_of(std::string_view text, std::size_t limit = 80);

}  // namespace precinct::data
