// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace precinct::data {

/// Bytes of whole CSV records, with the place of the first in its file.
struct CsvBlock {
  std::string bytes;
  std::uint64_t first_line = 1;
  std::uint64_t first_byte = 0;
};

/// Reads a stream and cuts it at record borders (RFC 4180: a newline inside quotes is no border;
/// LF, CRLF and lone CR end a record). Memory: one block plus the longest record. Throws DataError
/// for UTF-16 and for a record longer than `max_record_bytes`, e.g. a quote that never closes.
class CsvBlockCutter {
 public:
  using Source = std::function<std::size_t(std::span<char>)>;
  CsvBlockCutter(Source source, std::string name, std::size_t block_bytes = 1 << 20,
                 std::size_t max_record_bytes = 1 << 24);
  /// The next block, or nothing at the end. A byte order mark is dropped.
  std::optional<CsvBlock> next();

 private:
  Source source_;
  std::string name_;
  std::size_t block_bytes_, max_record_bytes_;
  std::string pending_;
  std::uint64_t line_ = 1, byte_ = 0;
  bool started_ = false, ended_ = false;
};

/// What is wrong with a record's form.
enum class CsvProblem { kNone, kQuote, kNul };

struct CsvRecord {
  std::uint64_t line = 0;                // of the file, from 1
  std::uint64_t byte = 0;                // of the file, from 0
  std::vector<std::string_view> fields;  // unquoted; valid until the next record
  std::string_view raw;
  CsvProblem problem = CsvProblem::kNone;
};

/// Walks over the records of a block; empty lines are left out.
class CsvBlockParser {
 public:
  explicit CsvBlockParser(const CsvBlock& block);
  bool next(CsvRecord& record);

 private:
  const CsvBlock& block_;
  std::size_t at_ = 0;
  std::uint64_t line_;
  std::deque<std::string> unescaped_;
};

}  // namespace precinct::data
