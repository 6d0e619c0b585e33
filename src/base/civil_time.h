// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace precinct {

/// Local civil time without zone: days since 1970-01-01 and minutes since local midnight (0..1439).
struct CivilTime {
  std::int64_t day = 0;
  int minute = 0;
  auto operator<=>(const CivilTime&) const = default;
};

/// Days since 1970-01-01 of a civil date, and back (proleptic Gregorian).
std::int64_t days_from_civil(int year, int month, int day);
struct CivilDate {
  int year;
  int month;  // 1..12
  int day;    // 1..31
  auto operator<=>(const CivilDate&) const = default;
};
CivilDate civil_from_days(std::int64_t day);
bool is_valid_date(int year, int month, int day);
/// Monday 0 .. Sunday 6.
int weekday(std::int64_t day);

/// Parses "YYYY-MM-DD", optionally followed by 'T' or ' ' and "HH:MM[:SS]". Throws DataError naming
/// `where`.
CivilTime parse_civil(std::string_view text, std::string_view where);
/// "YYYY-MM-DD" / "YYYY-MM-DDTHH:MM:00".
std::string format_date(std::int64_t day);
std::string format_civil(const CivilTime& time);

/// The civil step of a panel.
enum class BinKind { kHours, kDay, kWeek, kMonth };
struct BinSpec {
  BinKind kind = BinKind::kDay;
  int hours = 24;  // for kHours: a divisor of 24

  /// "hours:6", "day", "week", "month" and back; throws ConfigError.
  static BinSpec parse(std::string_view text);
  std::string to_string() const;
  /// Bins in one day (kHours: 24 / hours; else 1).
  int bins_per_day() const;
  auto operator<=>(const BinSpec&) const = default;
};

/// Maps between bin numbers and local civil times; bin 0 starts at `start`.
class BinAxis {
 public:
  BinAxis() = default;
  /// `start` must lie on a bin border (midnight for days and weeks, day 1 for months); throws
  /// DataError.
  BinAxis(BinSpec spec, CivilTime start);
  /// Number of the bin that holds `time`; negative before the start.
  std::int64_t bin_of(const CivilTime& time) const;
  CivilTime start_of(std::int64_t bin) const;
  CivilTime end_of(std::int64_t bin) const { return start_of(bin + 1); }
  /// Day that holds the last minute of a bin.
  std::int64_t last_day_of(std::int64_t bin) const;
  const BinSpec& spec() const { return spec_; }
  CivilTime start() const { return start_; }
  /// Length of `days` days in bins: 24/k per day for hours, 1/7 for weeks, 12/365.25 for months.
  double bins_in_days(double days) const;
  /// Season of a bin: weekday for days, month of year (0..11) for months, bin of the week for
  /// hours, 0 for weeks.
  int season_of(std::int64_t bin) const;
  int num_seasons() const;

 private:
  BinSpec spec_;
  CivilTime start_;
};

}  // namespace precinct
