// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
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
  std::uint64_t duplicates = 0;  // rows whose id came again, all but the revision that counts
  std::map<std::string, std::uint64_t> rejected;            // by kind
  std::map<std::string, std::uint64_t> missing_per_column;  // rows where it is empty or unknown
  std::uint64_t first_of_year = 0, first_of_month = 0,
                at_noon = 0;  // default values, among rows accepted before deduplication
  std::uint64_t reported_before_occurrence = 0;
  std::uint64_t with_clock = 0, with_report_time = 0;
  std::map<std::int32_t, std::uint64_t> report_lag_days;
  std::uint64_t points_inside = 0, points_in_several = 0, points_to_nearest = 0, points_outside = 0;
  int polygons_repaired = 0;
  std::vector<std::string> isolated_districts;
  std::vector<std::string> warnings;

  void add(const QualityReport& other);
  std::uint64_t num_rejected() const;
  /// Lag in days below which `share` of the reports lie.
  std::int32_t lag_quantile(double share) const;
  nlohmann::json to_json() const;
  std::string to_text() const;
};

}  // namespace precinct::data
