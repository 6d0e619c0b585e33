// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/row_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <set>

#include "base/checksum.h"
#include "base/error.h"
#include "data/ingest/date_format.h"

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

std::array<std::byte, 16> digest_of(std::string_view text) {
  return xxh3_128(std::as_bytes(std::span(text.data(), text.size())));
}

/// Hash of an id; never 0, which means no id.
std::uint64_t hash_of_id(std::string_view id) {
  std::uint64_t word = 0;
  std::memcpy(&word, digest_of(id).data(), sizeof word);
  return word == 0 ? 1 : word;
}

template <typename Number>
bool parse_number(std::string_view text, Number& value) {
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

}  // namespace

RowReader::RowReader(const SourceProfile& profile, const CodeMap& codes,
                     const DistrictLocator& locator, std::vector<std::string> header,
                     std::uint32_t file, const std::string& file_name, Options options)
    : profile_(profile),
      codes_(codes),
      locator_(locator),
      header_(std::move(header)),
      file_(file),
      options_(options) {
  std::set<std::string> seen;
  const auto in = [](const std::string& name, const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (std::size_t i = 0; i < header_.size(); ++i) {
    std::string& name = header_[i];
    name = std::string(trim(name));
    PRECINCT_CHECK(seen.insert(name).second, DataError,
                   "{}:1: column {}: expected each name once, found '{}' again; rename one",
                   file_name, i + 1, name);
    is_person_.push_back(in(name, profile.person_fields));
    is_audit_.push_back(in(name, profile.audit_fields));
    unknown_.push_back(profile.unknown);
    if (const auto more = profile.unknown_in.find(name); more != profile.unknown_in.end())
      unknown_.back().insert(unknown_.back().end(), more->second.begin(), more->second.end());
  }
  find_columns(file_name);
}

void RowReader::find_columns(const std::string& file_name) {
  for (int role = 0; role < kNumRoles; ++role) {
    role_[static_cast<std::size_t>(role)] = -1;
    const bool needed = role == kTime || role == kCategory ||
                        (role == kDistrict && !locator_.uses_points()) ||
                        ((role == kLongitude || role == kLatitude) && locator_.uses_points());
    const auto names = profile_.columns.find(kRoleNames[role]);
    PRECINCT_CHECK(
        names != profile_.columns.end() || !needed, ConfigError,
        "profile {}: columns.{}: expected a column{}, found none; name it in the profile "
        "or with --column {}=NAME",
        profile_.name, kRoleNames[role],
        role == kTime || role == kCategory ? "" : " to find districts", kRoleNames[role]);
    if (names == profile_.columns.end()) continue;
    for (const std::string& name : names->second) {
      const auto it = std::find(header_.begin(), header_.end(), std::string(trim(name)));
      if (it == header_.end()) continue;
      role_[static_cast<std::size_t>(role)] = static_cast<int>(it - header_.begin());
      break;
    }
    PRECINCT_CHECK(
        role_[static_cast<std::size_t>(role)] >= 0 || !needed, ConfigError,
        "{}:1: expected a column '{}' for {} (profile {}), found: {}; is this the right profile?",
        file_name, fmt::join(names->second, "' or '"), kRoleNames[role], profile_.name,
        snippet_of(fmt::format("{}", fmt::join(header_, ", ")), 200));
  }
}

std::string_view RowReader::field(const CsvRecord& record, int column) const {
  if (column < 0) return {};
  const std::string_view text = trim(record.fields[static_cast<std::size_t>(column)]);
  return means_unknown(text, unknown_[static_cast<std::size_t>(column)]) ? std::string_view()
                                                                         : text;
}

bool RowReader::reject(const CsvRecord& record, Result& result, int column, const char* kind,
                       std::string_view found, const std::string& expected) const {
  ++result.quality.rejected[kind];
  const std::string name = column >= 0 ? header_[static_cast<std::size_t>(column)] : "";
  const std::string snippet = snippet_of(found);
  result.rejects.push_back({file_, record.line, record.byte, name, kind, snippet,
                            fmt::format("expected {}, found '{}'", expected, snippet)});
  return false;
}

bool RowReader::check_form(const CsvRecord& record, Result& result) const {
  if (record.problem == CsvProblem::kNul)
    return reject(record, result, -1, "nul_byte", "", "text without zero bytes");
  if (record.problem == CsvProblem::kQuote) {
    const auto lines = 1 + std::count(record.raw.begin(), record.raw.end(), '\n');
    return reject(record, result, -1, "quote", fmt::format("a record of {} lines", lines),
                  "quotes around whole fields, doubled inside");
  }
  if (record.fields.size() != header_.size()) {
    return reject(record, result, -1, "ragged", std::to_string(record.fields.size()),
                  fmt::format("{} fields", header_.size()));
  }
  return true;
}

bool RowReader::read_time(const CsvRecord& record, Result& result, Incident& incident,
                          int& minute) const {
  const int column = role_[kTime], clock_column = role_[kClock];
  const auto text = field(record, column);
  const auto time = parse_by_formats(text, profile_.time_formats);
  if (!time)
    return reject(record, result, column, text.empty() ? "no_date" : "bad_date", text,
                  "a date as " + profile_.time_formats.front());
  minute = profile_.time_of_day_is_dummy ? 0 : time->minute;
  if (clock_column >= 0) {
    const auto clock_text = field(record, clock_column);
    const auto clock = parse_hhmm(clock_text);
    if (!clock)
      return reject(record, result, clock_column, clock_text.empty() ? "no_time" : "bad_time",
                    clock_text, "HHMM in 0000..2359");
    minute = *clock;
  }
  if (time->day < options_.earliest_day || time->day > options_.latest_day) {
    return reject(record, result, column, "out_of_range", text,
                  fmt::format("a date in {}..{}", format_date(options_.earliest_day),
                              format_date(options_.latest_day)));
  }
  incident.set_day(time->day);
  incident.hour = static_cast<std::uint64_t>(minute / 60) & 31;
  return true;
}

bool RowReader::read_category(const CsvRecord& record, Result& result, Incident& incident,
                              CategoryIndex& category_index) const {
  const auto code = field(record, role_[kCategory]);
  const auto category = code.empty() ? std::nullopt : codes_.find(code);
  if (!category)
    return reject(record, result, role_[kCategory],
                  code.empty() ? "no_category" : "unknown_category", code,
                  "a code of the code map");
  const auto [it, fresh] = category_index.emplace(
      std::string(*category), static_cast<std::uint16_t>(result.categories.size()));
  if (fresh) result.categories.emplace_back(*category);
  PRECINCT_CHECK(it->second < Incident::kMaxCategories, DataError,
                 "input: column '{}': expected at most {} categories, found more; choose another "
                 "column or a code map",
                 header_[static_cast<std::size_t>(role_[kCategory])], Incident::kMaxCategories);
  incident.category = it->second & 0x7F;
  return true;
}

bool RowReader::read_district(const CsvRecord& record, Result& result, Incident& incident) const {
  if (!locator_.uses_points()) {
    const auto code = field(record, role_[kDistrict]);
    const auto district = locator_.find_code(code);
    if (!district)
      return reject(record, result, role_[kDistrict],
                    code.empty() ? "no_district" : "unknown_district", code,
                    "the code of a district of the boundary file");
    incident.district = static_cast<std::uint64_t>(*district) & 0xFFFFF;
    return true;
  }
  const auto raw = [&](Role role) {
    return trim(record.fields[static_cast<std::size_t>(role_[role])]);
  };
  const std::string_view x = raw(kLongitude), y = raw(kLatitude);
  Point point;
  if (!parse_number(x, point.x) || !parse_number(y, point.y) || !(std::abs(point.y) <= 90) ||
      !(std::abs(point.x) <= 180)) {
    return reject(record, result, role_[kLatitude],
                  x.empty() || y.empty() ? "no_coordinates" : "bad_coordinates",
                  fmt::format("{} {}", y, x), "degrees of WGS 84");
  }
  if (point.x == 0 && point.y == 0)
    return reject(record, result, role_[kLatitude], "withheld_location", "0 0",
                  "a location; 0, 0 means withheld");
  const auto located = locator_.find_point(point);
  if (!located)
    return reject(record, result, role_[kLatitude], "outside", fmt::format("{} {}", y, x),
                  "a point in a district or within 250 m of one");
  incident.district = static_cast<std::uint64_t>(located->district) & 0xFFFFF;
  ++(located->nearest ? result.quality.points_to_nearest : result.quality.points_inside);
  result.quality.points_in_several += located->in_several;
  return true;
}

bool RowReader::read_report_time(const CsvRecord& record, Result& result, const Incident& incident,
                                 std::int64_t& revision) const {
  const auto text = field(record, role_[kReportTime]);
  if (text.empty()) return true;
  const auto reported = parse_by_formats(text, profile_.time_formats);
  if (!reported)
    return reject(record, result, role_[kReportTime], "bad_report_date", text,
                  "a date as " + profile_.time_formats.front());
  if (reported->day < incident.day())
    return reject(record, result, role_[kReportTime], "reported_before", text,
                  "a report on or after " + format_date(incident.day()));
  revision = reported->day;
  QualityReport& quality = result.quality;
  ++quality.report_lag_days[static_cast<std::int32_t>(reported->day - incident.day())];
  quality.latest_report_day = std::max(quality.latest_report_day, reported->day);
  return true;
}

void RowReader::read_revision(const CsvRecord& record, Incident& incident,
                              std::int64_t& revision) const {
  // 16 bits keep the order; what falls together is settled by the rows themselves.
  std::int64_t small = revision - Incident::kFirstDay;
  if (const auto text = field(record, role_[kRevision]); !text.empty()) {
    if (const auto stamp = parse_by_formats(text, profile_.time_formats)) {
      revision = stamp->day * 1440 + stamp->minute;
      small = stamp->day - Incident::kFirstDay;
    } else if (parse_number(text, revision)) {
      small = revision;
    }
  }
  incident.revision =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(small, 0, 0xFFFF)) & 0xFFFF;
}

std::string RowReader::canonical(const CsvRecord& record) const {
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

void RowReader::add_audit_row(const CsvRecord& record, Result& result) const {
  result.audit_rows += csv_quote(field(record, role_[kId]));
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (is_audit_[i]) result.audit_rows += "," + csv_quote(trim(record.fields[i]));
  }
  result.audit_rows += '\n';
}

void RowReader::read_row(const CsvRecord& record, Result& result,
                         CategoryIndex& category_index) const {
  QualityReport& quality = result.quality;
  ++quality.rows_read;
  if (!check_form(record, result)) return;
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (field(record, static_cast<int>(i)).empty()) ++quality.missing_per_column[header_[i]];
  }
  Incident incident;
  int minute = 0;
  std::int64_t revision = Incident::kFirstDay;
  if (!read_time(record, result, incident, minute) ||
      !read_category(record, result, incident, category_index) ||
      !read_report_time(record, result, incident, revision) ||
      !read_district(record, result, incident))
    return;
  read_revision(record, incident, revision);
  const std::string row = canonical(record);
  incident.digest = digest_of(row);
  if (const auto id = field(record, role_[kId]); !id.empty()) incident.id = hash_of_id(id);
  ++quality.accepted;
  const CivilDate date = civil_from_days(incident.day());
  quality.first_of_month += date.day == 1;
  quality.first_of_year += date.day == 1 && date.month == 1;
  if (role_[kClock] >= 0 || !profile_.time_of_day_is_dummy) {
    ++quality.with_clock;
    quality.at_noon += minute == 720;
  }
  result.incidents.push_back(incident);
  if (options_.contested != nullptr && options_.contested->contains(incident.id))
    result.contenders.push_back({revision, row, incident.id, incident.digest});
  if (options_.keep_audit_fields) add_audit_row(record, result);
}

std::string RowReader::audit_header() const {
  std::string text = "id";
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (is_audit_[i]) text += "," + csv_quote(header_[i]);
  }
  return text + "\n";
}

RowReader::Result RowReader::read_block(const CsvBlock& block, std::uint64_t skip) const {
  Result result;
  result.file = file_;
  CategoryIndex category_index;
  CsvBlockParser parser(block);
  CsvRecord record;
  while (parser.next(record)) {
    if (skip > 0) {
      --skip;
      continue;
    }
    read_row(record, result, category_index);
  }
  return result;
}

}  // namespace precinct::data
