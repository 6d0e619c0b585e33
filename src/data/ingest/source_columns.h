// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "data/ingest/csv_reader.h"
#include "data/ingest/source_profile.h"

namespace precinct::data {

/// What a column of an incident file may be.
enum class Role {
  kId,
  kTime,
  kClock,
  kReportTime,
  kRevision,
  kDistrict,
  kLongitude,
  kLatitude,
  kCategory
};

/// The columns of one file as its profile sees them. All members are thread-safe.
class SourceColumns {
 public:
  /// `header`: names of the columns, or for a source without header its fields as "0", "1", ...
  /// `uses_points`: districts are found by coordinates, else by code. Throws DataError for a name
  /// that is there twice, ConfigError when a column that is needed is not.
  SourceColumns(const SourceProfile& profile, std::vector<std::string> header, bool uses_points,
                const std::string& file_name);

  std::size_t size() const { return header_.size(); }
  const std::string& name(int column) const { return header_[static_cast<std::size_t>(column)]; }
  /// Number of the column, -1 when the file has none.
  int of(Role role) const { return role_[static_cast<std::size_t>(role)]; }

  /// A field without outer spaces; empty when there is no such column.
  std::string_view raw(const CsvRecord& record, int column) const;
  /// The same; empty too when the value means "not known".
  std::string_view value(const CsvRecord& record, int column) const;
  std::string_view value(const CsvRecord& record, Role role) const {
    return value(record, of(role));
  }

  /// The row without person fields and padding: what its digest is made of.
  std::string canonical(const CsvRecord& record) const;
  /// CSV lines of the audit fields, with the id first.
  std::string audit_header() const;
  std::string audit_row(const CsvRecord& record) const;

 private:
  void find_roles(const SourceProfile& profile, bool uses_points, const std::string& file_name);
  std::vector<std::string> header_;
  std::array<int, 9> role_{};
  std::vector<bool> is_person_, is_audit_;
  std::vector<std::vector<std::string>> unknown_;  // per column
};

/// Reads the whole text as a number; false when it is none.
bool parse_number(std::string_view text, double& value);
bool parse_number(std::string_view text, std::int64_t& value);

}  // namespace precinct::data
