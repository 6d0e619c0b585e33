// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace precinct::metrics {
namespace {

/// Rounding alone, such as that of a network which is its anchor, is no skill.
Skill without_rounding(Skill skill) {
  for (double* value : {&skill.value, &skill.low, &skill.high})
    if (std::abs(*value) < 1e-7) *value = 0;
  return skill;
}

}  // namespace

Skill block_bootstrap(std::span<const double> score, std::span<const double> reference,
                      std::int64_t block, std::int64_t replicates, std::uint64_t seed) {
  const auto n = static_cast<std::int64_t>(score.size());
  Skill skill;
  if (n == 0) return skill;
  const auto of = [](double a, double b) { return b != 0 ? 1 - a / b : 0.0; };
  skill.value = of(std::accumulate(score.begin(), score.end(), 0.0),
                   std::accumulate(reference.begin(), reference.end(), 0.0));
  if (n < 2 || replicates < 1) {
    skill.low = std::min(skill.value, 0.0);
    skill.high = std::max(skill.value, 0.0);
    return without_rounding(skill);
  }
  block = std::clamp<std::int64_t>(block, 1, n / 2);
  const std::int64_t starts = n - block + 1, blocks = (n + block - 1) / block;
  const std::uint64_t key = stream_key(seed, "bootstrap");
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(replicates));
  for (std::int64_t r = 0; r < replicates; ++r) {
    double a = 0, b = 0;
    for (std::int64_t i = 0; i < blocks; ++i) {
      const auto begin = uniform_index(key, static_cast<std::uint64_t>(r * blocks + i),
                                       static_cast<std::uint64_t>(starts));
      for (std::uint64_t o = begin; o < begin + static_cast<std::uint64_t>(block); ++o) {
        a += score[o];
        b += reference[o];
      }
    }
    values.push_back(of(a, b));
  }
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double position = share * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(std::floor(position));
    const double part = position - static_cast<double>(low);
    return low + 1 < values.size() ? values[low] * (1 - part) + values[low + 1] * part
                                   : values[low];
  };
  skill.low = at(.025);
  skill.high = at(.975);
  return without_rounding(skill);
}

}  // namespace precinct::metrics
