// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace precinct::bench {

/// One of the things compared: does some work and returns how much (bytes, windows, ...).
struct Side {
  std::string name;
  std::function<double()> work;
};

/// Median and quartiles.
struct Spread {
  double median = 0, lower = 0, upper = 0;
};

/// Quartiles by linear interpolation between the sorted values.
inline Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) {
    const double place = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(.5), at(.25), at(.75)};
}

/// How a comparison is run; the defaults are the method's.
struct BlockOptions {
  double block_seconds = 3;
  int num_blocks = 7;
  int max_repeats = 2;     // of a round whose probes drift
  double max_drift = .10;  // largest / smallest - 1
  /// A ceiling measured around each round (e.g. copy GB/s): it shows whether the machine changed.
  std::function<double()> probe = [] { return 1.0; };
  std::function<double()> now = [] {  // seconds
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
};

/// Rates (work per second) of each side in each block of the round that counts.
struct BlockResult {
  std::vector<std::vector<double>> rates;  // [sides][blocks]
  std::vector<double> probes;              // of that round
  int num_discarded = 0;
  bool is_steady = false;  // false: the last round drifted too and counts for want of a better

  /// Median and quartiles over the blocks of side `a`'s rate over side `b`'s.
  Spread ratio(std::size_t a, std::size_t b) const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < rates[a].size(); ++i) ratios.push_back(rates[a][i] / rates[b][i]);
    return spread_of(ratios);
  }
};

/// Runs the sides in turn, block by block (A B A B ...), in one process on one machine, so that
/// what the machine does to one side it does to the other. One unmeasured call of each side comes
/// first. The probe runs before the first and after every block of all sides; a round whose probes
/// drift by more than max_drift is discarded and repeated, at most max_repeats times.
inline BlockResult run_blocks(const std::vector<Side>& sides, const BlockOptions& options) {
  for (const Side& side : sides) side.work();
  BlockResult result;
  for (int round = 0;; ++round) {
    result.rates.assign(sides.size(), {});
    result.probes = {options.probe()};
    for (int block = 0; block < options.num_blocks; ++block) {
      for (std::size_t s = 0; s < sides.size(); ++s) {
        const double begin = options.now();
        double work = 0, seconds = 0;
        while (seconds < options.block_seconds) {
          work += sides[s].work();
          seconds = options.now() - begin;
        }
        result.rates[s].push_back(work / seconds);
      }
      result.probes.push_back(options.probe());
    }
    const auto [low, high] = std::minmax_element(result.probes.begin(), result.probes.end());
    result.is_steady = *high <= *low * (1 + options.max_drift);
    if (result.is_steady || round == options.max_repeats) return result;
    ++result.num_discarded;
  }
}

}  // namespace precinct::bench
