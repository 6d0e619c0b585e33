// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "base/rng.h"
#include "data/graph/graph_builder.h"
#include "data/panel.h"

namespace precinct::test {

/// A grid city of Poisson-like counts with a weekday pattern; the same for the same seed.
inline data::Panel small_panel(std::int64_t num_bins = 120, std::int64_t rows = 3,
                               std::int64_t columns = 3, std::int64_t num_categories = 2,
                               std::uint64_t seed = 7) {
  data::Panel panel;
  panel.num_bins = num_bins;
  panel.num_nodes = rows * columns;
  panel.num_categories = num_categories;
  panel.axis = BinAxis(BinSpec::parse("day"), {days_from_civil(2020, 3, 15), 0});
  panel.time_zone = "America/Los_Angeles";
  std::vector<std::uint32_t> counts;
  for (std::int64_t t = 0; t < num_bins; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      for (std::int64_t c = 0; c < num_categories; ++c) {
        const double rate = (0.3 + 0.15 * static_cast<double>(n)) *
                            (1 + 0.4 * (panel.axis.season_of(t) >= 5)) / static_cast<double>(1 + c);
        double draw = uniform(seed, static_cast<std::uint64_t>((t * 100 + n) * 10 + c)),
               mass = std::exp(-rate);
        std::uint32_t y = 0;
        while (draw > mass && y < 40) {
          draw -= mass;
          mass *= rate / static_cast<double>(++y);
        }
        counts.push_back(y);
      }
    }
  }
  panel.counts = data::CountArray::from_u32(counts);
  for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
    panel.nodes.push_back({"d" + std::to_string(n), "District " + std::to_string(n), "",
                           1.0 + 0.1 * static_cast<double>(n),
                           34.0 + 0.01 * static_cast<double>(n / columns),
                           -118.4 + 0.01 * static_cast<double>(n % columns)});
  }
  for (std::int64_t c = 0; c < num_categories; ++c)
    panel.categories.push_back({"c" + std::to_string(c), "Category " + std::to_string(c), false});
  panel.graph = data::build_grid(rows, columns, true);
  return panel;
}

/// The panel with two groups of districts: the first two, and the others.
inline data::Panel with_parents(data::Panel panel) {
  for (std::size_t n = 0; n < panel.nodes.size(); ++n) panel.nodes[n].parent = n < 2 ? "a" : "b";
  return panel;
}

}  // namespace precinct::test
