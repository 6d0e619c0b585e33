// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace precinct::data {

/// Maps a source's category code to the category that is counted, from a CSV file with a header.
class CodeMap {
 public:
  CodeMap() = default;  // identity
  /// Throws DataError when a column is missing or a key stands twice with different values.
  static CodeMap load(const std::filesystem::path& path, const std::string& key_column,
                      const std::string& value_column);
  /// The category, or nothing for an unknown code. Leading zeros of a number do not count.
  std::optional<std::string_view> find(std::string_view code) const;
  bool is_identity() const { return values_.empty(); }

 private:
  std::unordered_map<std::string, std::string> values_;
};

/// "0377" and "377.0" -> "377"; other text is only trimmed.
std::string normalise_code(std::string_view text);

}  // namespace precinct::data
