// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/row_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/checksum.h"
#include "base/error.h"
#include "base/utf8.h"
#include "data/ingest/date_format.h"

namespace precinct::data {
namespace {

std::array<std::byte, 16> digest_of(std::string_view text) {
  return xxh3_128(std::as_bytes(std::span(text.data(), text.size())));
}

/// Hash of an id; never 0, which means no id.
std::uint64_t hash_of_id(std::string_view id) {
  std::uint64_t word = 0;
  std::memcpy(&word, digest_of(id).data(), sizeof word);
  return word == 0 ? 1 : word;
}

}  // namespace

RowReader::RowReader(const SourceProfile& profile, const CodeMap& codes,
                     const DistrictLocator& locator, std::vector<std::string> header,
                     std::uint32_t file, const std::string& file_name, Options options)
    : profile_(profile),
      codes_(codes),
      locator_(locator),
      columns_(profile, std::move(header), locator.uses_points(), file_name),
      file_(file),
      options_(options) {}

bool RowReader::reject(const CsvRecord& record, Result& result, int column, const char* kind,
                       std::string_view found, const std::string& expected) const {
  ++result.quality.rejected[kind];
  const std::string name = column >= 0 ? columns_.name(column) : "";
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
  if (record.fields.size() != columns_.size()) {
    return reject(record, result, -1, "ragged", std::to_string(record.fields.size()),
                  fmt::format("{} fields", columns_.size()));
  }
  return true;
}

bool RowReader::read_time(const CsvRecord& record, Result& result, Incident& incident, int& minute,
                          bool& has_hour) const {
  const int column = columns_.of(Role::kTime), clock_column = columns_.of(Role::kClock);
  const auto text = columns_.value(record, column);
  const auto time = parse_by_formats(text, profile_.time_formats);
  if (!time)
    return reject(record, result, column, text.empty() ? "no_date" : "bad_date", text,
                  "a date as " + profile_.time_formats.front());
  minute = profile_.time_of_day_is_dummy ? 0 : time->minute;
  has_hour = clock_column >= 0 || (time->has_clock && !profile_.time_of_day_is_dummy);
  if (clock_column >= 0) {
    const auto clock_text = columns_.value(record, clock_column);
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
  const auto code = columns_.value(record, Role::kCategory);
  const auto category = code.empty() ? std::nullopt : codes_.find(code);
  if (!category)
    return reject(record, result, columns_.of(Role::kCategory),
                  code.empty() ? "no_category" : "unknown_category", code,
                  "a code of the code map");
  if (!is_utf8(*category))
    return reject(record, result, columns_.of(Role::kCategory), "encoding", code,
                  "text in UTF-8; convert it with iconv -f LATIN1 -t UTF-8");
  const auto [it, fresh] = category_index.emplace(
      std::string(*category), static_cast<std::uint16_t>(result.categories.size()));
  if (fresh) result.categories.emplace_back(*category);
  PRECINCT_CHECK(it->second < Incident::kMaxCategories, DataError,
                 "input: column '{}': expected at most {} categories, found more; choose another "
                 "column or a code map",
                 columns_.name(columns_.of(Role::kCategory)), Incident::kMaxCategories);
  incident.category = it->second & 0x7F;
  return true;
}

bool RowReader::read_district(const CsvRecord& record, Result& result, Incident& incident) const {
  if (!locator_.uses_points()) {
    const auto code = columns_.value(record, Role::kDistrict);
    const auto district = locator_.find_code(code);
    if (!district)
      return reject(record, result, columns_.of(Role::kDistrict),
                    code.empty() ? "no_district" : "unknown_district", code,
                    "the code of a district of the boundary file");
    incident.district = static_cast<std::uint64_t>(*district) & 0xFFFFF;
    return true;
  }
  const std::string_view x = columns_.raw(record, columns_.of(Role::kLongitude)),
                         y = columns_.raw(record, columns_.of(Role::kLatitude));
  Point point;
  if (!parse_number(x, point.x) || !parse_number(y, point.y) || !(std::abs(point.y) <= 90) ||
      !(std::abs(point.x) <= 180)) {
    return reject(record, result, columns_.of(Role::kLatitude),
                  x.empty() || y.empty() ? "no_coordinates" : "bad_coordinates",
                  fmt::format("{} {}", y, x), "degrees of WGS 84");
  }
  if (point.x == 0 && point.y == 0)
    return reject(record, result, columns_.of(Role::kLatitude), "withheld_location", "0 0",
                  "a location; 0, 0 means withheld");
  const auto located = locator_.find_point(point);
  if (!located)
    return reject(record, result, columns_.of(Role::kLatitude), "outside",
                  fmt::format("{} {}", y, x), "a point in a district or within 250 m of one");
  incident.district = static_cast<std::uint64_t>(located->district) & 0xFFFFF;
  ++(located->nearest ? result.quality.points_to_nearest : result.quality.points_inside);
  result.quality.points_in_several += located->in_several;
  return true;
}

bool RowReader::read_report_time(const CsvRecord& record, Result& result, const Incident& incident,
                                 std::optional<std::int64_t>& reported_day) const {
  const auto text = columns_.value(record, Role::kReportTime);
  if (text.empty()) return true;
  const auto reported = parse_by_formats(text, profile_.time_formats);
  if (!reported)
    return reject(record, result, columns_.of(Role::kReportTime), "bad_report_date", text,
                  "a date as " + profile_.time_formats.front());
  if (reported->day < incident.day())
    return reject(record, result, columns_.of(Role::kReportTime), "reported_before", text,
                  "a report on or after " + format_date(incident.day()));
  reported_day = reported->day;
  return true;
}

bool RowReader::read_revision(const CsvRecord& record, Result& result, Incident& incident,
                              std::int64_t reported_day, double& revision) const {
  // 16 bits keep the order; what falls together is settled by the rows themselves.
  constexpr double kSeconds = 86'400;
  double small = static_cast<double>(reported_day - Incident::kFirstDay);
  revision = static_cast<double>(reported_day) * kSeconds;
  if (const auto text = columns_.value(record, Role::kRevision); !text.empty()) {
    if (const auto stamp = parse_by_formats(text, profile_.time_formats)) {
      revision = static_cast<double>(stamp->day) * kSeconds + stamp->minute * 60 + stamp->second;
      small = static_cast<double>(stamp->day - Incident::kFirstDay);
    } else if (parse_number(text, revision) && std::isfinite(revision)) {
      small = std::floor(revision);
    } else {
      return reject(record, result, columns_.of(Role::kRevision), "bad_revision", text,
                    "a number or a date as " + profile_.time_formats.front());
    }
  }
  incident.revision = static_cast<std::uint64_t>(std::clamp(small, 0.0, 65'535.0)) & 0xFFFF;
  return true;
}

void RowReader::read_row(const CsvRecord& record, Result& result,
                         CategoryIndex& category_index) const {
  QualityReport& quality = result.quality;
  ++quality.rows_read;
  if (!check_form(record, result)) return;
  for (int i = 0; i < static_cast<int>(columns_.size()); ++i) {
    if (columns_.value(record, i).empty()) ++quality.missing_per_column[columns_.name(i)];
  }
  Incident incident;
  int minute = 0;
  bool has_hour = false;
  double revision = 0;
  std::optional<std::int64_t> reported_day;
  if (!read_time(record, result, incident, minute, has_hour) ||
      !read_category(record, result, incident, category_index) ||
      !read_report_time(record, result, incident, reported_day) ||
      !read_district(record, result, incident) ||
      !read_revision(record, result, incident, reported_day.value_or(Incident::kFirstDay),
                     revision))
    return;
  const std::string row = columns_.canonical(record);
  incident.digest = digest_of(row);
  if (const auto id = columns_.value(record, Role::kId); !id.empty()) incident.id = hash_of_id(id);
  ++quality.accepted;
  if (reported_day) {
    ++quality.report_lag_days[static_cast<std::int32_t>(*reported_day - incident.day())];
    quality.latest_report_day = std::max(quality.latest_report_day, *reported_day);
  }
  const CivilDate date = civil_from_days(incident.day());
  quality.first_of_month += date.day == 1;
  quality.without_hour += has_hour ? 0 : 1;
  quality.first_of_year += date.day == 1 && date.month == 1;
  if (columns_.of(Role::kClock) >= 0 || !profile_.time_of_day_is_dummy) {
    ++quality.with_clock;
    quality.at_noon += minute == 720;
  }
  result.incidents.push_back(incident);
  if (options_.contested != nullptr && options_.contested->contains(incident.id))
    result.contenders.push_back({revision, row, incident.id, incident.digest, incident.revision});
  if (options_.keep_audit_fields) result.audit_rows += columns_.audit_row(record);
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
