// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/quality_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/civil_time.h"

namespace precinct::data {
namespace {

constexpr int kLagTableDays[] = {0, 1, 7, 30, 90, 365};

template <typename Key>
void add_counts(std::map<Key, std::uint64_t>& into, const std::map<Key, std::uint64_t>& from) {
  for (const auto& [key, count] : from) into[key] += count;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string lag_text(const QualityReport& report) {
  std::string text = fmt::format(
      "report lag in days: median {}, p90 {}, p99 {}; latest report {}\n", report.lag_quantile(.5),
      report.lag_quantile(.9), report.lag_quantile(.99), format_date(report.latest_report_day));
  text += "  reported within";
  for (const int days : kLagTableDays)
    text += fmt::format("{} {} d {:.1f} %", days == 0 ? "" : ",", days,
                        100 * report.share_within(days));
  return text + "\n";
}

}  // namespace

void QualityReport::add(const QualityReport& other) {
  rows_read += other.rows_read;
  accepted += other.accepted;
  duplicates += other.duplicates;
  repeated += other.repeated;
  revised += other.revised;
  add_counts(rejected, other.rejected);
  add_counts(missing_per_column, other.missing_per_column);
  add_counts(report_lag_days, other.report_lag_days);
  first_of_year += other.first_of_year;
  first_of_month += other.first_of_month;
  at_noon += other.at_noon;
  with_clock += other.with_clock;
  without_hour += other.without_hour;
  latest_report_day = std::max(latest_report_day, other.latest_report_day);
  points_inside += other.points_inside;
  points_in_several += other.points_in_several;
  points_to_nearest += other.points_to_nearest;
}

std::uint64_t QualityReport::num_rejected() const {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : rejected) sum += count;
  return sum;
}

std::uint64_t QualityReport::num_with_report_time() const {
  std::uint64_t sum = 0;
  for (const auto& [days, count] : report_lag_days) sum += count;
  return sum;
}

std::int32_t QualityReport::lag_quantile(double wanted) const {
  const std::uint64_t whole = num_with_report_time();
  std::uint64_t seen = 0;
  for (const auto& [days, count] : report_lag_days) {
    seen += count;
    if (share(seen, whole) >= wanted) return days;
  }
  return 0;
}

double QualityReport::share_within(std::int64_t days) const {
  std::uint64_t seen = 0;
  for (const auto& [lag, count] : report_lag_days) seen += lag <= days ? count : 0;
  return share(seen, num_with_report_time());
}

nlohmann::json QualityReport::to_json() const {
  nlohmann::json lag = nlohmann::json::object();
  if (!report_lag_days.empty()) {
    nlohmann::json within = nlohmann::json::object();
    for (const int days : kLagTableDays) within[std::to_string(days)] = share_within(days);
    lag = {{"median", lag_quantile(.5)},
           {"p90", lag_quantile(.9)},
           {"p99", lag_quantile(.99)},
           {"rows", num_with_report_time()},
           {"latest_report", format_date(latest_report_day)},
           {"share_within_days", within}};
  }
  const auto outside = rejected.find("outside");
  const std::uint64_t rows = accepted + duplicates;
  return {{"rows_read", rows_read},
          {"accepted", accepted},
          {"rejected", num_rejected()},
          {"duplicates", duplicates},
          {"repeated", repeated},
          {"revised", revised},
          {"rejected_by_kind", rejected},
          {"missing_per_column", missing_per_column},
          {"default_dates",
           {{"first_of_year_share", share(first_of_year, rows)},
            {"first_of_month_share", share(first_of_month, rows)},
            {"noon_share", share(at_noon, with_clock)}}},
          {"report_lag_days", lag},
          {"points",
           {{"inside", points_inside},
            {"in_several", points_in_several},
            {"to_nearest", points_to_nearest},
            {"outside", outside == rejected.end() ? 0 : outside->second}}},
          {"in_skipped_hour", in_skipped_hour},
          {"polygons_repaired", polygons_repaired},
          {"isolated_districts", isolated_districts},
          {"warnings", warnings}};
}

std::string QualityReport::to_text() const {
  std::string text = fmt::format("rows read {} = accepted {} + rejected {} + duplicates {}\n",
                                 rows_read, accepted, num_rejected(), duplicates);
  for (const auto& [kind, count] : rejected)
    text += fmt::format("  rejected, {}: {}\n", kind, count);
  if (duplicates > 0)
    text += fmt::format("  duplicates: {} repeated, {} replaced by a later revision\n", repeated,
                        revised);
  const std::uint64_t rows = accepted + duplicates;
  text += fmt::format(
      "default dates: 1 January {:.1f} %, first of month {:.1f} % of the rows not rejected",
      100 * share(first_of_year, rows), 100 * share(first_of_month, rows));
  text += with_clock > 0
              ? fmt::format(", 12:00 {:.1f} % of times\n", 100 * share(at_noon, with_clock))
              : "\n";
  if (!report_lag_days.empty()) text += lag_text(*this);
  if (points_inside + points_to_nearest > 0) {
    text += fmt::format("points: {} inside a district ({} in several), {} taken to the nearest\n",
                        points_inside, points_in_several, points_to_nearest);
  }
  std::string missing;
  for (const auto& [column, count] : missing_per_column) {
    if (count > 0)
      missing += fmt::format("{}{} {:.1f} %", missing.empty() ? "" : ", ", column,
                             100 * share(count, rows_read));
  }
  if (!missing.empty()) text += "missing: " + missing + "\n";
  for (const auto& warning : warnings) text += "warning: " + warning + "\n";
  return text;
}

}  // namespace precinct::data
