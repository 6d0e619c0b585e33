// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace precinct::data {

/// One accepted row, as small as the series allows: 40 bytes.
struct Incident {
  std::array<std::byte, 16> digest{};  // XXH3 of the canonical row without person fields
  std::uint64_t id = 0;                // hash of the id column; 0 = the source has none
  std::int32_t day = 0;                // civil, since 1970-01-01
  std::int32_t revision = 0;           // report day, or the profile's revision column
  std::int32_t district = 0;
  std::uint16_t minute = 0;
  std::uint16_t category = 0;
};

}  // namespace precinct::data
