// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "tests/support/small_panel.h"

namespace precinct::test {

inline constexpr int kLeakageCases = 1000, kTwinCases = 100;

/// The panel with every count of bins >= `origin` replaced by another, larger and smaller ones, so
/// that counts also need a wider type; with a mask, what was observed later is drawn anew too.
inline data::Panel with_changed_future(const data::Panel& panel, std::int64_t origin,
                                       std::uint64_t seed) {
  data::Panel other = panel;
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i) {
    const std::uint32_t y = panel.counts[i];
    const auto draw =
        static_cast<std::uint32_t>(uniform_index(seed, static_cast<std::uint64_t>(i), 1000));
    counts.push_back(i < panel.index(origin, 0, 0) ? y : draw < y ? draw : draw + 1);
  }
  other.counts = data::CountArray::from_u32(counts);
  for (auto i = static_cast<std::size_t>(origin * panel.num_nodes); i < other.observed.size(); ++i)
    other.observed[i] = uniform(mix(seed, 1), i) < .5 ? 0 : 1;
  // The origin's own bin stays observed somewhere, or nothing would have changed for a twin.
  if (!other.observed.empty())
    other.observed[static_cast<std::size_t>(origin * panel.num_nodes)] = 1;
  return other;
}

/// One drawn city, half of them with unobserved cells, and an origin in it.
struct LeakageCase {
  data::Panel panel;
  std::int64_t origin;
  LeakageCase(std::uint64_t seed, std::uint64_t trial)
      : panel(small_panel(40, 2, 2, 2, mix(seed, trial))),
        origin(30 + static_cast<std::int64_t>(uniform_index(mix(seed, trial), 1 << 20, 9))) {
    if (trial % 2 == 0) return;
    panel.observed.assign(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
    for (std::size_t i = 0; i < panel.observed.size(); ++i)
      panel.observed[i] = uniform(mix(seed, trial + 1'000'000), i) < .1 ? 0 : 1;
    panel.observed[static_cast<std::size_t>(origin * panel.num_nodes)] = 1;
  }
};

/// The detector: in how many of `cases` drawn cities what `known(panel, origin)` returns differs by
/// a bit when everything from the origin on is changed.
template <typename Known>
int num_cases_that_see_the_future(Known known, int cases = kLeakageCases,
                                  std::uint64_t seed = 20201107) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  int seen = 0;
  for (int trial = 0; trial < cases; ++trial) {
    const LeakageCase c(seed, static_cast<std::uint64_t>(trial));
    const auto changed =
        with_changed_future(c.panel, c.origin, mix(seed, static_cast<std::uint64_t>(trial)));
    const std::vector<float> a = known(c.panel, c.origin), b = known(changed, c.origin);
    const bool same =
        a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
    seen += same ? 0 : 1;
  }
  return seen;
}

}  // namespace precinct::test
