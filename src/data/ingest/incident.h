// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace precinct::data {

/// One accepted row in 32 bytes, all that a series and the deduplication need.
struct Incident {
  /// Days are counted from 1900-01-01 (days since 1970 of that day).
  static constexpr std::int64_t kFirstDay = -25567;
  static constexpr std::int64_t kLastDay = kFirstDay + 0xFFFF;  // 2079-06-06
  static constexpr std::int64_t kMaxDistricts = 1 << 20;
  static constexpr std::int64_t kMaxCategories = 1 << 7;

  std::array<std::byte, 16> digest{};  // XXH3 of the canonical row without person fields
  std::uint64_t id = 0;                // hash of the id column; 0 = the source has none
  std::uint64_t revision : 16 = 0;  // rises with the revision; equal ones are settled by the rows
  std::uint64_t day_number : 16 = 0;
  std::uint64_t hour : 5 = 0;
  std::uint64_t district : 20 = 0;
  std::uint64_t category : 7 = 0;

  std::int64_t day() const { return static_cast<std::int64_t>(day_number) + kFirstDay; }
  void set_day(std::int64_t day) {
    day_number = static_cast<std::uint64_t>(day - kFirstDay) & 0xFFFF;
  }
};
static_assert(sizeof(Incident) == 32);

}  // namespace precinct::data
