// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace precinct::data {

/// What was found in the input of one ingest. rows_read = accepted + rejected + duplicates, always.
struct QualityReport {
  std::uint64_t rows_read = 0;
  std::uint64_t accepted = 0;
  std::uint64_t duplicates = 0;                   // = repeated + revised
  std::uint64_t repeated = 0;                     // the same row again
  std::uint64_t revised = 0;                      // rows of an id that a later revision replaced
  std::map<std::string, std::uint64_t> rejected;  // by kind
  std::map<std::string, std::uint64_t> missing_per_column;  // rows where it is empty or unknown
  // Default values, among the rows accepted before duplicates were dropped.
  std::uint64_t first_of_year = 0, first_of_month = 0, at_noon = 0, with_clock = 0;
  std::uint64_t without_hour = 0;  // accepted rows whose time is a date alone
  std::map<std::int32_t, std::uint64_t> report_lag_days;
  std::int64_t latest_report_day = -25567;  // when the source was written, at the earliest
  std::uint64_t points_inside = 0, points_in_several = 0, points_to_nearest = 0;
  std::uint64_t in_skipped_hour = 0;  // counted in the hour after (hourly bins)
  int polygons_repaired = 0;
  std::vector<std::string> isolated_districts;
  std::vector<std::string> warnings;

  void add(const QualityReport& other);
  std::uint64_t num_rejected() const;
  std::uint64_t num_with_report_time() const;
  /// Lag in days within which at least `share` of the reports came.
  std::int32_t lag_quantile(double share) const;
  /// Share of the reports that came within `days`.
  double share_within(std::int64_t days) const;
  /// Share of what happened on `day` that was reported when the source was written, by the lags
  /// seen.
  double completeness(std::int64_t day) const { return share_within(latest_report_day - day); }
  nlohmann::json to_json() const;
  std::string to_text() const;
};

}  // namespace precinct::data
