// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/source_columns.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "data/ingest/reject_log.h"

namespace precinct::data {
namespace {

constexpr const char* kRoleNames[] = {"id",          "time",     "clock",
                                      "report_time", "revision", "district",
                                      "longitude",   "latitude", "category"};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <typename Number>
bool parse_whole(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool means_unknown(std::string_view text, const std::vector<std::string>& values) {
  return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
    double limit = 0, number = 0;
    if (value.starts_with("<=") && parse_number(std::string_view(value).substr(2), limit))
      return parse_number(text, number) && number <= limit;
    return text == value;
  });
}

/// A file of another separator has one column.
void check_separator(const std::vector<std::string>& header, const std::string& file_name) {
  if (header.size() != 1) return;
  for (const auto& [mark, name] : {std::pair{';', "semicolons"}, {'\t', "tabs"}, {'|', "bars"}})
    PRECINCT_CHECK(header[0].find(mark) == std::string::npos, DataError,
                   "{}:1: expected columns separated by commas, found one column with {} in it "
                   "({}); write it with commas",
                   file_name, name, snippet_of(header[0], 100));
}

}  // namespace

bool parse_number(std::string_view text, double& value) { return parse_whole(text, value); }
bool parse_number(std::string_view text, std::int64_t& value) { return parse_whole(text, value); }

SourceColumns::SourceColumns(const SourceProfile& profile, std::vector<std::string> header,
                             bool uses_points, const std::string& file_name)
    : header_(std::move(header)) {
  std::set<std::string> seen;
  const auto in = [](const std::string& name, const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (std::size_t i = 0; i < header_.size(); ++i) {
    std::string& name = header_[i];
    name = std::string(trim(name));
    PRECINCT_CHECK(is_utf8(name), DataError,
                   "{}:1: column {}: expected a name in UTF-8, found other bytes; convert the file "
                   "with iconv -f LATIN1 -t UTF-8",
                   file_name, i + 1);
    PRECINCT_CHECK(seen.insert(name).second, DataError,
                   "{}:1: column {}: expected each name once, found '{}' again; rename one",
                   file_name, i + 1, name);
    is_person_.push_back(profile.is_person_field(name));
    is_audit_.push_back(in(name, profile.audit_fields));
    unknown_.push_back(profile.unknown);
    if (const auto more = profile.unknown_in.find(name); more != profile.unknown_in.end())
      unknown_.back().insert(unknown_.back().end(), more->second.begin(), more->second.end());
  }
  check_separator(header_, file_name);
  find_roles(profile, uses_points, file_name);
}

void SourceColumns::find_roles(const SourceProfile& profile, bool uses_points,
                               const std::string& file_name) {
  for (std::size_t i = 0; i < role_.size(); ++i) {
    role_[i] = -1;
    const Role role = static_cast<Role>(i);
    const bool always = role == Role::kTime || role == Role::kCategory;
    const bool needed = always || (role == Role::kDistrict && !uses_points) ||
                        ((role == Role::kLongitude || role == Role::kLatitude) && uses_points) ||
                        profile.named_roles.contains(kRoleNames[i]);
    const auto names = profile.columns.find(kRoleNames[i]);
    PRECINCT_CHECK(
        names != profile.columns.end() || !needed, ConfigError,
        "profile {}: columns.{}: expected a column{}, found none; name it in the profile "
        "or with --column {}=NAME",
        profile.name, kRoleNames[i], always ? "" : " to find districts", kRoleNames[i]);
    if (names == profile.columns.end()) continue;
    for (const std::string& name : names->second) {
      const auto it = std::find(header_.begin(), header_.end(), std::string(trim(name)));
      if (it == header_.end()) continue;
      role_[i] = static_cast<int>(it - header_.begin());
      break;
    }
    PRECINCT_CHECK(
        role_[i] >= 0 || !needed, ConfigError,
        "{}:1: expected a column '{}' for {} (profile {}), found: {}; is this the right profile?",
        file_name, fmt::join(names->second, "' or '"), kRoleNames[i], profile.name,
        snippet_of(fmt::format("{}", fmt::join(header_, ", ")), 200));
  }
}

std::string_view SourceColumns::raw(const CsvRecord& record, int column) const {
  return column < 0 ? std::string_view() : trim(record.fields[static_cast<std::size_t>(column)]);
}

std::string_view SourceColumns::value(const CsvRecord& record, int column) const {
  const std::string_view text = raw(record, column);
  if (text.empty() || means_unknown(text, unknown_[static_cast<std::size_t>(column)])) return {};
  return text;
}

std::string SourceColumns::canonical(const CsvRecord& record) const {
  std::string row;
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (!is_person_[i]) {
      for (const char c : trim(record.fields[i])) {  // runs of spaces are padding
        if (c != ' ' || row.empty() || row.back() != ' ') row += c;
      }
    }
    row += '\x1F';
  }
  return row;
}

std::string SourceColumns::audit_header() const {
  std::string text = "id";
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (is_audit_[i]) text += "," + csv_quote(header_[i]);
  }
  return text + "\n";
}

std::string SourceColumns::audit_row(const CsvRecord& record) const {
  std::string text = csv_quote(value(record, Role::kId));
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (is_audit_[i]) text += "," + csv_quote(trim(record.fields[i]));
  }
  return text + "\n";
}

}  // namespace precinct::data
