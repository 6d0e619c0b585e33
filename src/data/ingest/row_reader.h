// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "data/ingest/code_map.h"
#include "data/ingest/csv_reader.h"
#include "data/ingest/district_locator.h"
#include "data/ingest/incident.h"
#include "data/ingest/quality_report.h"
#include "data/ingest/reject_log.h"
#include "data/ingest/source_columns.h"
#include "data/ingest/source_profile.h"

namespace precinct::data {

/// Turns records into incidents by a profile. One reader per file header; read_block() is
/// thread-safe.
class RowReader {
 public:
  struct Options {
    std::int64_t earliest_day = Incident::kFirstDay;  // older rows are rejected
    std::int64_t latest_day = Incident::kLastDay;     // newer rows are rejected
    bool keep_audit_fields = false;
    /// Ids whose rows are wanted whole, to settle which revision counts.
    const std::unordered_set<std::uint64_t>* contested = nullptr;
  };
  /// A row of a contested id, in the order in which revisions win: larger is later.
  struct Contender {
    double revision = 0;  // seconds, or the number in the column of revisions
    std::string canonical;
    std::uint64_t id = 0;
    std::array<std::byte, 16> digest{};
    std::uint64_t coarse = 0;  // Incident::revision: the rows that were kept have the largest
    bool operator<(const Contender& other) const {
      return std::tie(coarse, revision, canonical) <
             std::tie(other.coarse, other.revision, other.canonical);
    }
  };
  struct Result {
    std::uint32_t file = 0;
    std::vector<Incident> incidents;
    std::vector<Reject> rejects;
    std::vector<std::string> categories;  // of this block; Incident::category indexes it
    std::vector<Contender> contenders;
    QualityReport quality;
    std::string audit_rows;  // CSV lines
  };

  /// `header`: names of the columns, or for a source without header its number of fields in names
  /// "0", "1", ... Throws DataError for a missing or doubled column.
  RowReader(const SourceProfile& profile, const CodeMap& codes, const DistrictLocator& locator,
            std::vector<std::string> header, std::uint32_t file, const std::string& file_name,
            Options options);
  /// Rows of a block; the first `skip` records are left out (header, skipped rows).
  Result read_block(const CsvBlock& block, std::uint64_t skip) const;
  /// What the file's header has.
  const SourceColumns& columns() const { return columns_; }
  /// Header line of audit_rows.
  std::string audit_header() const { return columns_.audit_header(); }

 private:
  using CategoryIndex = std::unordered_map<std::string, std::uint16_t>;

  void read_row(const CsvRecord& record, Result& result, CategoryIndex& category_index) const;
  bool check_form(const CsvRecord& record, Result& result) const;
  bool read_time(const CsvRecord& record, Result& result, Incident& incident, int& minute,
                 bool& has_hour) const;
  bool read_category(const CsvRecord& record, Result& result, Incident& incident,
                     CategoryIndex& category_index) const;
  bool read_district(const CsvRecord& record, Result& result, Incident& incident) const;
  bool read_report_time(const CsvRecord& record, Result& result, const Incident& incident,
                        std::optional<std::int64_t>& reported_day) const;
  /// Sets the incident's revision, and `revision` to it unshortened.
  bool read_revision(const CsvRecord& record, Result& result, Incident& incident,
                     std::int64_t reported_day, double& revision) const;
  /// Counts and notes the row; returns false.
  bool reject(const CsvRecord& record, Result& result, int column, const char* kind,
              std::string_view found, const std::string& expected) const;

  const SourceProfile& profile_;
  const CodeMap& codes_;
  const DistrictLocator& locator_;
  SourceColumns columns_;
  std::uint32_t file_;
  Options options_;
};

}  // namespace precinct::data
