// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace precinct::data {

/// A row that was not counted, and why.
struct Reject {
  std::uint32_t file = 0;
  std::uint64_t line = 0;
  std::uint64_t byte = 0;
  std::string column;
  std::string kind;
  std::string snippet;  // at most 80 bytes, never a person field
  std::string message;
};

/// CSV text with header file,line,byte,column,kind,snippet,message, sorted by file and line.
std::string rejects_csv(std::vector<Reject> rejects, const std::vector<std::string>& files);

/// Quotes a CSV field when it must be.
std::string csv_quote(std::string_view text);

}  // namespace precinct::data
