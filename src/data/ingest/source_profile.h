// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace precinct::data {

/// How the incidents of one source are read; configs/sources/*.yaml.
struct SourceProfile {
  std::string name;
  bool header = true;
  std::int64_t skip_rows = 0;  // records left out at the start of the first file
  std::string time_zone = "UTC";
  std::string earliest = "1990-01-01";  // older dates are typing errors and go to the rejects
  /// Role -> accepted header names, or for files without header one column number ("0").
  /// Roles: id, time, clock, report_time, revision, district, longitude, latitude, category.
  std::map<std::string, std::vector<std::string>> columns;
  std::vector<std::string> time_formats;
  bool time_of_day_is_dummy = false;       // the clock column, if any, has it
  std::vector<std::string> unknown;        // values that mean "not known" anywhere
  std::vector<std::string> person_fields;  // never leave the reader
  std::vector<std::string> audit_fields;   // written only with --keep-audit-fields
  std::string code_map_file, code_map_key, code_map_value;
  std::vector<std::string> category_order;  // empty: sorted
  std::set<std::string>
      discovered_by_officer;      // categories that officers find rather than victims report
  std::string district_property;  // property of the boundary file that holds the code

  /// `name_or_path`: a YAML file, or a name looked up in `folders`. Throws ConfigError listing
  /// known names.
  static SourceProfile load(const std::string& name_or_path,
                            const std::vector<std::filesystem::path>& folders);
};

}  // namespace precinct::data
