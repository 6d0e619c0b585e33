// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/panel.h"

namespace precinct::test {

/// Name of the first part in which two panels differ; "" when they are equal.
inline std::string difference(const data::Panel& a, const data::Panel& b) {
  if (a.num_bins != b.num_bins || a.num_nodes != b.num_nodes ||
      a.num_categories != b.num_categories)
    return "shape";
  if (a.counts.storage() != b.counts.storage()) return "counts";
  if (a.observed != b.observed) return "observed";
  if (a.axis.spec() != b.axis.spec() || a.axis.start() != b.axis.start()) return "axis";
  if (a.time_zone != b.time_zone) return "time_zone";
  if (a.profile != b.profile) return "profile";
  if (a.source_content_sha256 != b.source_content_sha256) return "source_content_sha256";
  if (a.nodes.size() != b.nodes.size()) return "nodes";
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    const data::Node &x = a.nodes[i], &y = b.nodes[i];
    if (x.code != y.code || x.name != y.name || x.parent != y.parent || x.area_km2 != y.area_km2 ||
        x.latitude != y.latitude || x.longitude != y.longitude)
      return "nodes";
  }
  if (a.categories.size() != b.categories.size()) return "categories";
  for (std::size_t i = 0; i < a.categories.size(); ++i) {
    const data::Category &x = a.categories[i], &y = b.categories[i];
    if (x.code != y.code || x.name != y.name || x.discovered_by_officer != y.discovered_by_officer)
      return "categories";
  }
  if (a.static_features != b.static_features) return "static_features";
  if (a.graph.kind != b.graph.kind || a.graph.source != b.graph.source ||
      a.graph.target != b.graph.target || a.graph.weight != b.graph.weight)
    return "graph";
  if (a.geometry != b.geometry || a.geometry_offset != b.geometry_offset) return "geometry";
  return "";
}

}  // namespace precinct::test
