// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace precinct::metrics {

/// Skill of a model against a reference with its 95 % interval.
struct Skill {
  double value = 0;  // 1 - score / score(reference)
  double low = 0, high = 0;
  bool holds_zero() const { return low <= 0 && high >= 0; }
};

/// Moving-block bootstrap over origins: `score[o]` and `reference[o]` are sums over the cells of
/// origin o. Blocks of `block` neighbouring origins (at most half of them) are drawn with
/// replacement from the stream of `seed`. Spans are equally long. One origin, or no replicate, says
/// nothing about the spread: then the interval reaches from the value to 0. What is below 1e-7 in
/// size is 0: forecasts of equal means differ by that much, since networks compute in float32.
Skill block_bootstrap(std::span<const double> score, std::span<const double> reference,
                      std::int64_t block, std::int64_t replicates, std::uint64_t seed);

}  // namespace precinct::metrics
