// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/civil_time.h"

namespace precinct::data {

/// True on a US federal holiday, by rule, with the observed day when it falls on a weekend.
bool is_us_federal_holiday(std::int64_t day);

/// Share of the day with the sun above the horizon, by day of year and latitude (declination
/// formula of Cooper 1969).
double daylight_share(std::int64_t day, double latitude);

/// Known calendar of bins [0, num_bins): features per bin in local civil time; what is constant for
/// the panel's bins (the hour for days, the weekday for weeks) is left out.
struct CalendarTable {
  std::vector<std::string> names;      // Fg
  std::vector<float> values;           // [num_bins, Fg]
  std::vector<std::int32_t> day_slot;  // [num_bins] bin of the day
  std::vector<std::int32_t> weekday;   // [num_bins] Monday 0; 0 for weeks and months
};

/// `form`: cyclic (sin/cos pairs), integer (scaled to [0, 1]) or one_hot. `holidays`: us_federal or
/// none. `trend_from`: the day (since 1970) from which the trend counts; nothing: the axis's first.
CalendarTable compute_calendar(const BinAxis& axis, std::int64_t num_bins, double latitude,
                               const std::string& form, const std::string& holidays,
                               std::optional<std::int64_t> trend_from = {});

/// Names of `names` that belong to one of the groups, e.g. weekday_sin and weekday_cos to weekday;
/// all of them when no group is given.
std::vector<std::string> names_of_groups(const std::vector<std::string>& names,
                                         const std::vector<std::string>& groups);

/// The columns of these names, in their order. Throws DataError naming one that the table lacks.
void select_columns(CalendarTable& table, const std::vector<std::string>& names);

}  // namespace precinct::data
