// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "data/geo/geometry.h"
#include "tests/support/boundaries.h"
#include "tests/support/small_panel.h"

namespace precinct::test {

/// A small panel with everything that the file can hold: polygons, static features, graph, gaps.
inline data::Panel full_panel(std::int64_t num_bins = 120) {
  data::Panel panel = small_panel(num_bins, 3, 3, 2);
  panel.profile = "made";
  panel.source_content_sha256 = std::string(64, 'a');
  panel.nodes[4].name = "Cañada Östlich";
  panel.nodes[8].parent = "8";
  panel.categories[1].discovered_by_officer = true;
  panel.observed.assign(static_cast<std::size_t>(num_bins * 9), 1);
  panel.observed[17] = 0;
  panel.static_features["population"] = std::vector<float>(9, 1'234.5F);
  panel.static_features["width"] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<data::MultiPolygon> polygons;
  for (const data::Node& node : panel.nodes)
    polygons.push_back({rectangle(node.longitude, node.latitude, .01, .01)});
  const data::PolygonSet set(polygons);
  panel.geometry_offset = {0};
  for (int i = 0; i < set.size(); ++i) {
    const auto bytes = set.wkb(i);
    panel.geometry.insert(panel.geometry.end(), bytes.begin(), bytes.end());
    panel.geometry_offset.push_back(panel.geometry.size());
  }
  return panel;
}

}  // namespace precinct::test
