// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/calendar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

#include "base/error.h"

namespace precinct::data {
namespace {

/// Day of the n-th (from 1) given weekday of a month; n = 5 means the last.
std::int64_t nth_weekday(int year, int month, int weekday_monday0, int n) {
  const std::int64_t first = days_from_civil(year, month, 1);
  std::int64_t day = first + (weekday_monday0 - weekday(first) + 7) % 7 + 7 * (n - 1);
  while (civil_from_days(day).month != month) day -= 7;
  return day;
}

/// A fixed date moves to Friday or Monday when it falls on a weekend.
std::int64_t observed_day(std::int64_t day) {
  return weekday(day) == 5 ? day - 1 : weekday(day) == 6 ? day + 1 : day;
}

int day_of_year(std::int64_t day) {
  return static_cast<int>(day - days_from_civil(civil_from_days(day).year, 1, 1));
}

/// Collects the features of one bin; the names are collected at the first bin.
class Row {
 public:
  Row(CalendarTable& table, const std::string& form, bool first)
      : table_(table), form_(form), first_(first) {}
  void number(const std::string& name, double value) {
    if (first_) table_.names.push_back(name);
    table_.values.push_back(static_cast<float>(value));
  }
  /// A value 0..period-1 in the table's form.
  void periodic(const std::string& name, int value, int period) {
    if (form_ == "cyclic") {
      const double angle = 2 * std::numbers::pi * value / period;
      number(name + "_sin", std::sin(angle));
      number(name + "_cos", std::cos(angle));
    } else if (form_ == "integer") {
      number(name, static_cast<double>(value) / std::max(1, period - 1));
    } else {
      for (int i = 0; i < period; ++i) number(fmt::format("{}_{}", name, i), i == value ? 1 : 0);
    }
  }

 private:
  CalendarTable& table_;
  const std::string& form_;
  bool first_;
};

}  // namespace

bool is_us_federal_holiday(std::int64_t day) {
  const int year = civil_from_days(day).year;
  const bool juneteenth = year >= 2021;
  for (const int y :
       {year, year + 1}) {  // 1 January of the next year may be observed on 31 December
    if (day == observed_day(days_from_civil(y, 1, 1))) return true;
  }
  return day == nth_weekday(year, 1, 0, 3) || day == nth_weekday(year, 2, 0, 3) ||
         day == nth_weekday(year, 5, 0, 5) ||
         (juneteenth && day == observed_day(days_from_civil(year, 6, 19))) ||
         day == observed_day(days_from_civil(year, 7, 4)) || day == nth_weekday(year, 9, 0, 1) ||
         day == nth_weekday(year, 10, 0, 2) || day == observed_day(days_from_civil(year, 11, 11)) ||
         day == nth_weekday(year, 11, 3, 4) || day == observed_day(days_from_civil(year, 12, 25));
}

double daylight_share(std::int64_t day, double latitude) {
  constexpr double kRadians = std::numbers::pi / 180;
  const double declination =
      23.45 * kRadians * std::sin(2 * std::numbers::pi * (284 + day_of_year(day) + 1) / 365.0);
  const double x = -std::tan(latitude * kRadians) * std::tan(declination);
  return std::acos(std::clamp(x, -1.0, 1.0)) / std::numbers::pi;
}

CalendarTable compute_calendar(const BinAxis& axis, std::int64_t num_bins, double latitude,
                               const std::string& form, const std::string& holidays,
                               std::optional<std::int64_t> trend_from) {
  PRECINCT_CHECK(form == "cyclic" || form == "integer" || form == "one_hot", ConfigError,
                 "input.calendar: expected cyclic, integer or one_hot, found '{}'", form);
  PRECINCT_CHECK(holidays == "us_federal" || holidays == "none", ConfigError,
                 "input.holidays: expected us_federal or none, found '{}'", holidays);
  const BinKind kind = axis.spec().kind;
  const bool has_days = kind == BinKind::kHours || kind == BinKind::kDay;
  const std::int64_t first_day = trend_from.value_or(axis.start().day);
  CalendarTable table;
  for (std::int64_t b = 0; b < num_bins; ++b) {
    const CivilTime start = axis.start_of(b);
    const CivilDate date = civil_from_days(start.day);
    Row row(table, form, b == 0);
    if (kind == BinKind::kHours)
      row.periodic("hour", start.minute / (60 * axis.spec().hours), axis.spec().bins_per_day());
    if (has_days) {
      row.periodic("weekday", weekday(start.day), 7);
      row.periodic("day_of_month", date.day - 1, 31);
      row.number("weekend", weekday(start.day) >= 5 ? 1 : 0);
      row.number("first_of_month", date.day == 1 ? 1 : 0);
      row.number("first_of_year", date.day == 1 && date.month == 1 ? 1 : 0);
      if (holidays == "us_federal") row.number("holiday", is_us_federal_holiday(start.day) ? 1 : 0);
    }
    if (kind != BinKind::kMonth) row.periodic("day_of_year", day_of_year(start.day), 366);
    row.periodic("month", date.month - 1, 12);
    row.number("daylight", daylight_share(start.day, latitude));
    row.number("trend", static_cast<double>(start.day - first_day) / 365.25);
    table.day_slot.push_back(kind == BinKind::kHours ? start.minute / (60 * axis.spec().hours) : 0);
    table.weekday.push_back(has_days ? weekday(start.day) : 0);
  }
  return table;
}

std::vector<std::string> names_of_groups(const std::vector<std::string>& names,
                                         const std::vector<std::string>& groups) {
  if (groups.empty()) return names;
  std::vector<std::string> chosen;
  std::copy_if(names.begin(), names.end(), std::back_inserter(chosen), [&](const auto& name) {
    return std::any_of(groups.begin(), groups.end(), [&](const auto& group) {
      return name == group || name.starts_with(group + "_");
    });
  });
  return chosen;
}

void select_columns(CalendarTable& table, const std::vector<std::string>& names) {
  if (names == table.names) return;
  std::vector<std::size_t> columns;
  for (const auto& name : names) {
    const auto found = std::find(table.names.begin(), table.names.end(), name);
    PRECINCT_CHECK(found != table.names.end(), DataError,
                   "panel: calendar: expected the feature {}, found bins that have none; use the "
                   "bins that the artifact was trained on",
                   name);
    columns.push_back(static_cast<std::size_t>(found - table.names.begin()));
  }
  const std::size_t width = table.names.size();
  std::vector<float> values;
  for (std::size_t row = 0; row < table.weekday.size(); ++row) {
    for (const std::size_t column : columns) values.push_back(table.values[row * width + column]);
  }
  table.names = names;
  table.values = std::move(values);
}

}  // namespace precinct::data
