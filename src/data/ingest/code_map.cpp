// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/code_map.h"

#include "base/error.h"
#include "base/utf8.h"
#include "data/ingest/compressed_file.h"
#include "data/ingest/csv_reader.h"

namespace precinct::data {

std::string normalise_code(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  std::string_view number = text;
  if (number.ends_with(".0")) number.remove_suffix(2);
  if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos)
    return std::string(text);
  while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
  return std::string(number);
}

CodeMap CodeMap::load(const std::filesystem::path& path, const std::string& key_column,
                      const std::string& value_column) {
  CsvBlock block;
  block.bytes = read_compressed_file(path);
  if (block.bytes.starts_with("\xEF\xBB\xBF")) block.bytes.erase(0, 3);
  CsvBlockParser parser(block);
  CsvRecord record;
  CodeMap map;
  std::size_t key = std::string::npos, value = std::string::npos;
  if (parser.next(record)) {
    for (std::size_t i = 0; i < record.fields.size(); ++i) {
      if (record.fields[i] == key_column) key = i;
      if (record.fields[i] == value_column) value = i;
    }
  }
  PRECINCT_CHECK(key != std::string::npos && value != std::string::npos, DataError,
                 "{}:1: expected columns '{}' and '{}', found others; choose with --code-map-key "
                 "and --code-map-value",
                 path.string(), key_column, value_column);
  while (parser.next(record)) {
    PRECINCT_CHECK(std::max(key, value) < record.fields.size(), DataError,
                   "{}:{}: expected at least {} fields, found {}; correct this line", path.string(),
                   record.line, std::max(key, value) + 1, record.fields.size());
    PRECINCT_CHECK(is_utf8(record.fields[key]) && is_utf8(record.fields[value]), DataError,
                   "{}:{}: expected text in UTF-8, found other bytes; convert it with iconv -f "
                   "LATIN1 -t UTF-8",
                   path.string(), record.line);
    const auto [it, inserted] =
        map.values_.emplace(normalise_code(record.fields[key]), std::string(record.fields[value]));
    PRECINCT_CHECK(inserted || it->second == record.fields[value], DataError,
                   "{}:{}: code '{}': expected one category, found '{}' and '{}'; remove one line",
                   path.string(), record.line, record.fields[key], it->second,
                   record.fields[value]);
  }
  PRECINCT_CHECK(!map.values_.empty(), DataError,
                 "{}: expected codes, found none; name another file", path.string());
  return map;
}

std::optional<std::string_view> CodeMap::find(std::string_view code) const {
  if (is_identity()) return code;
  const auto it = values_.find(normalise_code(code));
  if (it == values_.end() || it->second.empty()) return std::nullopt;
  return it->second;
}

}  // namespace precinct::data
