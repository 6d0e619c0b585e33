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

/// One way to count a source's offence codes: which column of the code map, in which order.
struct CategoryScheme {
  std::string value;                            // column of the code map
  std::vector<std::string> order;               // empty: sorted; categories named here always exist
  std::map<std::string, std::string> names;     // category -> how people call it
  std::set<std::string> discovered_by_officer;  // officers find them, victims do not report them
};

/// How the incidents of one source are read; configs/sources/*.yaml.
struct SourceProfile {
  std::string name;
  bool header = true;
  std::uint64_t skip_rows = 0;  // records left out at the start of the first file
  std::string time_zone = "UTC";
  std::string earliest = "1990-01-01";  // older dates are typing errors and go to the rejects
  /// Role -> accepted header names, or for files without header one column number ("0").
  /// Roles: id, time, clock, report_time, revision, district, longitude, latitude, category.
  std::map<std::string, std::vector<std::string>> columns;
  std::set<std::string> named_roles;  // set_column() chose their columns: each file must have them
  std::vector<std::string> time_formats;
  bool time_of_day_is_dummy = false;  // the clock column, if any, has it
  std::vector<std::string> unknown;   // values that mean "not known" anywhere
  /// Column -> more such values; "<=0" means any number that small.
  std::map<std::string, std::vector<std::string>> unknown_in;
  std::vector<std::string> person_fields;  // never leave the reader
  std::vector<std::string> audit_fields;   // written only with --keep-audit-fields
  std::string code_map_file, code_map_key;
  CategoryScheme scheme;                          // the one that is counted
  std::map<std::string, CategoryScheme> schemes;  // what --categories may choose
  std::string district_property;                  // of the boundary file, holds the code
  std::size_t parent_drops_digits = 0;            // a district's parent is its code without these

  /// `name_or_path`: a YAML file, or a name looked up in `folders`. Throws ConfigError listing
  /// known names.
  static SourceProfile load(const std::string& name_or_path,
                            const std::vector<std::filesystem::path>& folders);
  /// Whether a column says who a person is: one of person_fields, or a name with a word such as
  /// sex, race, age or victim, in any spelling.
  bool is_person_field(const std::string& column) const;
  /// Throws ConfigError for an unknown role or a person field.
  void set_column(const std::string& role, const std::string& column);
  /// Throws ConfigError naming the schemes that the profile has.
  void choose_categories(const std::string& scheme_name);
};

}  // namespace precinct::data
