// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/civil_time.h"

#include <charconv>
#include <chrono>

#include "base/error.h"

namespace precinct {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

std::int64_t months_of(std::int64_t day) {
  const CivilDate date = civil_from_days(day);
  return std::int64_t{date.year} * 12 + date.month - 1;
}

/// Digits of `text` at [at, at+count) as a number; -1 when they are not digits.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + count, value);
  return error == std::errc{} && end == text.data() + at + count && value >= 0 ? value : -1;
}

}  // namespace

std::int64_t days_from_civil(int year, int month, int day) {
  using namespace std::chrono;
  return sys_days{std::chrono::year{year} / month / day}.time_since_epoch().count();
}

CivilDate civil_from_days(std::int64_t day) {
  using namespace std::chrono;
  const year_month_day date{sys_days{days{day}}};
  return {static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day()))};
}

bool is_valid_date(int year, int month, int day) {
  return month >= 1 && day >= 1 && year >= 1 && year <= 9999 &&
         (std::chrono::year{year} / month / day).ok();
}

int weekday(std::int64_t day) { return static_cast<int>(((day + 3) % 7 + 7) % 7); }

CivilTime parse_civil(std::string_view text, std::string_view where) {
  const int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const bool date_ok =
      text.size() >= 10 && text[4] == '-' && text[7] == '-' && is_valid_date(year, month, day);
  int hour = 0, minute = 0;
  bool time_ok = text.size() == 10;
  if (text.size() >= 16 && (text[10] == 'T' || text[10] == ' ') && text[13] == ':') {
    hour = digits(text, 11, 2);
    minute = digits(text, 14, 2);
    time_ok =
        hour >= 0 && hour < 24 && minute >= 0 && minute < 60 &&
        (text.size() == 16 || (text.size() == 19 && text[16] == ':' && digits(text, 17, 2) >= 0));
  }
  PRECINCT_CHECK(date_ok && time_ok, DataError,
                 "{}: expected a local time YYYY-MM-DD[THH:MM[:SS]], found '{}'; write it so",
                 where, text);
  return {days_from_civil(year, month, day), hour * 60 + minute};
}

std::string format_date(std::int64_t day) {
  const CivilDate date = civil_from_days(day);
  return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

std::string format_civil(const CivilTime& time) {
  return fmt::format("{}T{:02}:{:02}:00", format_date(time.day), time.minute / 60,
                     time.minute % 60);
}

BinSpec BinSpec::parse(std::string_view text) {
  if (text == "day") return {BinKind::kDay, 24};
  if (text == "week") return {BinKind::kWeek, 24};
  if (text == "month") return {BinKind::kMonth, 24};
  int hours = 0;
  if (text.starts_with("hours:")) {
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data() + 6, end, hours);
    if (result.ec != std::errc{} || result.ptr != end) hours = 0;
  }
  PRECINCT_CHECK(hours >= 1 && hours <= 24 && 24 % hours == 0, ConfigError,
                 "bin: expected hours:<k> with k dividing 24, day, week or month, found '{}'; "
                 "choose one of them",
                 text);
  return hours == 24 ? BinSpec{BinKind::kDay, 24} : BinSpec{BinKind::kHours, hours};
}

std::string BinSpec::to_string() const {
  switch (kind) {
    case BinKind::kHours:
      return fmt::format("hours:{}", hours);
    case BinKind::kDay:
      return "day";
    case BinKind::kWeek:
      return "week";
    case BinKind::kMonth:
      return "month";
  }
  return "";
}

int BinSpec::bins_per_day() const { return kind == BinKind::kHours ? 24 / hours : 1; }

BinAxis::BinAxis(BinSpec spec, CivilTime start) : spec_(spec), start_(start) {
  const bool on_border =
      spec.kind == BinKind::kHours ? start.minute % (spec.hours * 60) == 0 : start.minute == 0;
  const bool month_ok = spec.kind != BinKind::kMonth || civil_from_days(start.day).day == 1;
  PRECINCT_CHECK(on_border && month_ok, DataError,
                 "panel start: expected the border of a bin '{}', found {}; move the start",
                 spec.to_string(), format_civil(start));
}

std::int64_t BinAxis::bin_of(const CivilTime& time) const {
  switch (spec_.kind) {
    case BinKind::kHours:
      return floor_div((time.day - start_.day) * 1440 + time.minute - start_.minute,
                       spec_.hours * 60);
    case BinKind::kDay:
      return time.day - start_.day;
    case BinKind::kWeek:
      return floor_div(time.day - start_.day, 7);
    case BinKind::kMonth:
      return months_of(time.day) - months_of(start_.day);
  }
  return 0;
}

CivilTime BinAxis::start_of(std::int64_t bin) const {
  switch (spec_.kind) {
    case BinKind::kHours: {
      const std::int64_t minutes = start_.day * 1440 + start_.minute + bin * spec_.hours * 60;
      const std::int64_t day = floor_div(minutes, 1440);
      return {day, static_cast<int>(minutes - day * 1440)};
    }
    case BinKind::kDay:
      return {start_.day + bin, 0};
    case BinKind::kWeek:
      return {start_.day + 7 * bin, 0};
    case BinKind::kMonth: {
      const std::int64_t month = months_of(start_.day) + bin;
      const std::int64_t year = floor_div(month, 12);
      return {days_from_civil(static_cast<int>(year), static_cast<int>(month - year * 12) + 1, 1),
              0};
    }
  }
  return {};
}

std::int64_t BinAxis::last_day_of(std::int64_t bin) const {
  const CivilTime end = end_of(bin);
  return end.minute > 0 ? end.day : end.day - 1;
}

double BinAxis::bins_in_days(double days) const {
  switch (spec_.kind) {
    case BinKind::kHours:
      return days * spec_.bins_per_day();
    case BinKind::kDay:
      return days;
    case BinKind::kWeek:
      return days / 7.0;
    case BinKind::kMonth:
      return days * 12.0 / 365.25;
  }
  return days;
}

int BinAxis::season_of(std::int64_t bin) const {
  const CivilTime time = start_of(bin);
  switch (spec_.kind) {
    case BinKind::kHours:
      return weekday(time.day) * spec_.bins_per_day() + time.minute / (spec_.hours * 60);
    case BinKind::kDay:
      return weekday(time.day);
    case BinKind::kWeek:
      return 0;
    case BinKind::kMonth:
      return civil_from_days(time.day).month - 1;
  }
  return 0;
}

int BinAxis::num_seasons() const {
  switch (spec_.kind) {
    case BinKind::kHours:
      return 7 * spec_.bins_per_day();
    case BinKind::kDay:
      return 7;
    case BinKind::kWeek:
      return 1;
    case BinKind::kMonth:
      return 12;
  }
  return 1;
}

}  // namespace precinct
