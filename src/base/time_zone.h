// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/civil_time.h"

namespace precinct {

/// A zone of the system's tz database (TZif version 2+), read once; no global state.
class TimeZone {
 public:
  /// Throws ConfigError for an unknown name.
  static TimeZone load(const std::string& name);
  const std::string& name() const { return name_; }
  /// Offset from UTC in seconds that holds at a local civil time (the earlier one in a doubled
  /// hour; in a skipped one that of the time before it, so that it ends where it begins).
  int offset_seconds(const CivilTime& local) const;
  /// True when the local time is skipped (spring).
  bool is_skipped(const CivilTime& local) const;
  /// ISO 8601 with offset, "2021-07-31T00:00:00-07:00".
  std::string format(const CivilTime& local) const;

 private:
  std::string name_;
  std::vector<std::int64_t> transition_utc_;
  std::vector<int> offset_after_;
  int first_offset_ = 0;
};

}  // namespace precinct
