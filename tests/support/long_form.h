// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace precinct::test {

/// True under `scripts/test --long`, which sets PRECINCT_LONG=1.
inline bool is_long_form() {
  const char* value = std::getenv("PRECINCT_LONG");
  return value != nullptr && std::string_view(value) == "1";
}

/// Rounds of a random test: `usual`, or `factor` times as many in the long form; prints which ran.
inline std::uint64_t num_rounds(std::uint64_t usual, std::uint64_t factor = 10) {
  const std::uint64_t rounds = is_long_form() ? usual * factor : usual;
  std::cout << (is_long_form() ? "long" : "short") << " form, rounds: " << rounds << "\n";
  return rounds;
}

}  // namespace precinct::test
