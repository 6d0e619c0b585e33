// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/row_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

#include "base/checksum.h"
#include "base/error.h"
#include "data/ingest/date_format.h"

namespace precinct::data {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::uint64_t first_word(const std::array<std::byte, 16>& digest) {
  std::uint64_t word = 0;
  std::memcpy(&word, digest.data(), sizeof word);
  return word;
}

std::array<std::byte, 16> digest_of(std::string_view text) {
  return xxh3_128(std::as_bytes(std::span(text.data(), text.size())));
}

bool parse_number(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
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
      file_name_(file_name),
      options_(options) {
  std::set<std::string> seen;
  for (auto& name : header_) {
    name = std::string(trim(name));
    PRECINCT_CHECK(seen.insert(name).second, DataError,
                   "{}:1: column '{}': expected each name once, found it twice; rename one",
                   file_name, name);
    const auto in = [&](const std::vector<std::string>& list) {
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    is_person_.push_back(in(profile.person_fields));
    is_audit_.push_back(in(profile.audit_fields));
  }
  for (const auto& [role, names] : profile.columns) {
    int found = -1;
    for (const auto& name : names) {
      const auto it = std::find(header_.begin(), header_.end(), std::string(trim(name)));
      if (it != header_.end()) found = static_cast<int>(it - header_.begin());
      if (found >= 0) break;
    }
    const bool needed =
        role == "time" || role == "category" ||
        (role == "district" && (locator.mode() == DistrictLocator::Mode::kCode ||
                                locator.mode() == DistrictLocator::Mode::kDiscover)) ||
        ((role == "longitude" || role == "latitude") &&
         (locator.mode() == DistrictLocator::Mode::kPoint ||
          locator.mode() == DistrictLocator::Mode::kGrid));
    PRECINCT_CHECK(
        found >= 0 || !needed, DataError,
        "{}:1: expected a column '{}' for {} (profile {}), found: {}; is this the right profile?",
        file_name, fmt::join(names, "' or '"), role, profile.name,
        fmt::format("{}", fmt::join(header_, ", ")).substr(0, 200));
    if (found >= 0) role_[role] = found;
  }
  const bool by_point = locator.mode() == DistrictLocator::Mode::kPoint ||
                        locator.mode() == DistrictLocator::Mode::kGrid;
  for (const char* role : {"longitude", "latitude", "district"}) {
    const bool needed = by_point == (std::string_view(role) != "district");
    PRECINCT_CHECK(!needed || role_.contains(role), ConfigError,
                   "profile {}: columns.{}: expected a column to find districts, found none; add "
                   "it to the profile",
                   profile.name, role);
  }
}

int RowReader::column(const std::string& role) const {
  const auto it = role_.find(role);
  return it == role_.end() ? -1 : it->second;
}

std::string_view RowReader::field(const CsvRecord& record, int column) const {
  if (column < 0) return {};
  const std::string_view text = trim(record.fields[static_cast<std::size_t>(column)]);
  const bool unknown =
      std::find(profile_.unknown.begin(), profile_.unknown.end(), text) != profile_.unknown.end();
  return unknown ? std::string_view() : text;
}

void RowReader::reject(const CsvRecord& record, Result& result, int column, const char* kind,
                       std::string_view found, const std::string& expected) const {
  ++result.quality.rejected[kind];
  const std::string name = column >= 0 && column < static_cast<int>(header_.size())
                               ? header_[static_cast<std::size_t>(column)]
                               : "";
  const std::string snippet(found.substr(0, 80));
  result.rejects.push_back({file_, record.line, record.byte, name, kind, snippet,
                            fmt::format("expected {}, found '{}'", expected, snippet)});
}

bool RowReader::find_district(const CsvRecord& record, Incident& incident, Result& result) const {
  const bool by_point = locator_.mode() == DistrictLocator::Mode::kPoint ||
                        locator_.mode() == DistrictLocator::Mode::kGrid;
  if (!by_point) {
    const int at = column("district");
    const auto code = field(record, at);
    const auto district = locator_.by_code(code);
    if (!district) {
      reject(record, result, at, code.empty() ? "no_district" : "unknown_district", code,
             "the code of a district of the boundary file");
      return false;
    }
    incident.district = *district;
    return true;
  }
  double longitude = 0, latitude = 0;
  const auto x = field(record, column("longitude")), y = field(record, column("latitude"));
  if (!parse_number(x, longitude) || !parse_number(y, latitude) || std::abs(latitude) > 90 ||
      std::abs(longitude) > 180) {
    reject(record, result, column("latitude"),
           x.empty() || y.empty() ? "no_coordinates" : "bad_coordinates",
           fmt::format("{} {}", y, x), "degrees of WGS 84");
    return false;
  }
  if (longitude == 0 && latitude == 0) {
    reject(record, result, column("latitude"), "withheld_location", "0 0",
           "a location; 0, 0 means withheld");
    return false;
  }
  const auto district = locator_.by_point(longitude, latitude);
  if (!district) {
    reject(record, result, column("latitude"), "outside", fmt::format("{} {}", y, x),
           "a point in a district or within 250 m of one");
    return false;
  }
  incident.district = *district;
  return true;
}

void RowReader::read_row(const CsvRecord& record, Result& result,
                         std::unordered_map<std::string, std::uint16_t>& category_index) const {
  QualityReport& quality = result.quality;
  ++quality.rows_read;
  if (record.problem == CsvProblem::kNul)
    return reject(record, result, -1, "nul_byte", "", "text without zero bytes");
  if (record.problem == CsvProblem::kQuote)
    return reject(record, result, -1, "quote", "", "quotes around a whole field, doubled inside");
  if (record.fields.size() != header_.size()) {
    return reject(record, result, -1, "ragged", std::to_string(record.fields.size()),
                  fmt::format("{} fields", header_.size()));
  }
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (field(record, static_cast<int>(i)).empty()) ++quality.missing_per_column[header_[i]];
  }
  Incident incident;
  const int time_column = column("time");
  const auto time = parse_by_formats(field(record, time_column), profile_.time_formats);
  if (!time)
    return reject(record, result, time_column, "bad_date", field(record, time_column),
                  "a date as " + profile_.time_formats.front());
  int minute = profile_.time_of_day_is_dummy ? 0 : time->minute;
  const int clock_column = column("clock");
  if (clock_column >= 0) {
    const auto clock = parse_hhmm(field(record, clock_column));
    if (!clock)
      return reject(record, result, clock_column, "bad_time", field(record, clock_column),
                    "HHMM in 0000..2359");
    minute = *clock;
  }
  if (time->day < options_.earliest_day || time->day > options_.latest_day) {
    return reject(record, result, time_column, "out_of_range", field(record, time_column),
                  fmt::format("a date in {}..{}", format_date(options_.earliest_day),
                              format_date(options_.latest_day)));
  }
  incident.day = static_cast<std::int32_t>(time->day);
  incident.minute = static_cast<std::uint16_t>(minute);
  const int category_column = column("category");
  const auto code = field(record, category_column);
  const auto category = code.empty() ? std::nullopt : codes_.find(code);
  if (!category)
    return reject(record, result, category_column,
                  code.empty() ? "no_category" : "unknown_category", code,
                  "a code of the code map");
  if (!find_district(record, incident, result)) return;

  const auto [it, fresh] = category_index.emplace(
      std::string(*category), static_cast<std::uint16_t>(result.categories.size()));
  if (fresh) result.categories.emplace_back(*category);
  incident.category = it->second;
  if (const int report = column("report_time"); report >= 0) {
    if (const auto reported = parse_by_formats(field(record, report), profile_.time_formats)) {
      incident.revision = static_cast<std::int32_t>(reported->day);
      ++quality.with_report_time;
      ++quality.report_lag_days[static_cast<std::int32_t>(reported->day - time->day)];
      quality.reported_before_occurrence += reported->day < time->day;
    }
  }
  if (const int revision = column("revision"); revision >= 0) {
    const auto text = field(record, revision);
    if (const auto stamp = parse_by_formats(text, profile_.time_formats)) {
      incident.revision = static_cast<std::int32_t>(stamp->day);
    } else {
      std::from_chars(text.data(), text.data() + text.size(), incident.revision);
    }
  }
  std::string canonical;
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (!is_person_[i]) canonical.append(trim(record.fields[i]));
    canonical += '\x1F';
  }
  incident.digest = digest_of(canonical);
  if (const auto id = field(record, column("id")); !id.empty())
    incident.id = first_word(digest_of(id)) | 1;
  const CivilDate date = civil_from_days(time->day);
  quality.first_of_month += date.day == 1;
  quality.first_of_year += date.day == 1 && date.month == 1;
  if (clock_column >= 0 || !profile_.time_of_day_is_dummy) {
    ++quality.with_clock;
    quality.at_noon += minute == 720;
  }
  ++quality.accepted;
  result.incidents.push_back(incident);
  if (options_.keep_audit_fields) {
    std::string row = csv_quote(field(record, column("id")));
    for (std::size_t i = 0; i < header_.size(); ++i) {
      if (is_audit_[i]) row += "," + csv_quote(trim(record.fields[i]));
    }
    result.audit_rows += row + "\n";
  }
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
  std::unordered_map<std::string, std::uint16_t> category_index;
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
