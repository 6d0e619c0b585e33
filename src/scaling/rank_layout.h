// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace precinct::scaling {

/// A layout of ranks by its name: "dp2", "tp4", "dp2xtp2".
struct RankLayout {
  std::int64_t dp = 1, pp = 1, tp = 1;
  /// Throws ConfigError unless the text names each of dp, pp, tp at most once with a size of 2 or
  /// more, and the sizes multiply to `num_ranks`.
  static RankLayout parse(const std::string& text, std::int64_t num_ranks);
};

}  // namespace precinct::scaling
