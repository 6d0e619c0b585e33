// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/ingest/code_map.h"
#include "data/ingest/csv_reader.h"
#include "data/ingest/district_locator.h"
#include "data/ingest/incident.h"
#include "data/ingest/quality_report.h"
#include "data/ingest/reject_log.h"
#include "data/ingest/source_profile.h"

namespace precinct::data {

/// Turns records into incidents by a profile. One reader per file header; read_block() is
/// thread-safe.
class RowReader {
 public:
  struct Options {
    std::int64_t earliest_day = 0;  // older rows are rejected
    std::int64_t latest_day = 0;    // newer rows are rejected
    bool keep_audit_fields = false;
  };
  struct Result {
    std::vector<Incident> incidents;
    std::vector<Reject> rejects;
    std::vector<std::string> categories;  // of this block; Incident::category indexes it
    QualityReport quality;
    std::string audit_rows;
  };
  /// `header`: names of the columns, or for a source without header its number of fields in names
  /// "0", "1", ... Throws DataError for a missing or doubled column.
  RowReader(const SourceProfile& profile, const CodeMap& codes, const DistrictLocator& locator,
            std::vector<std::string> header, std::uint32_t file, const std::string& file_name,
            Options options);
  /// Rows of a block; the first `skip` records are left out (header, skipped rows).
  Result read_block(const CsvBlock& block, std::uint64_t skip) const;
  std::string audit_header() const;

 private:
  struct Row;
  void read_row(const CsvRecord& record, Result& result,
                std::unordered_map<std::string, std::uint16_t>& category_index) const;
  bool find_district(const CsvRecord& record, Incident& incident, Result& result) const;
  int column(const std::string& role) const;
  std::string_view field(const CsvRecord& record, int column) const;
  void reject(const CsvRecord& record, Result& result, int column, const char* kind,
              std::string_view found, const std::string& expected) const;

  const SourceProfile& profile_;
  const CodeMap& codes_;
  const DistrictLocator& locator_;
  std::vector<std::string> header_;
  std::uint32_t file_;
  std::string file_name_;
  Options options_;
  std::unordered_map<std::string, int> role_;
  std::vector<bool> is_person_, is_audit_;
};

}  // namespace precinct::data
