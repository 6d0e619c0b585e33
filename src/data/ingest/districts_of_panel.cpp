// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/districts_of_panel.h"

#include <charconv>

#include "base/error.h"
#include "data/graph/graph_builder.h"
#include "data/ingest/boundary_file.h"
#include "data/ingest/compressed_file.h"

namespace precinct::data {

DistrictLocator make_locator(const IngestOptions& options) {
  const SourceProfile& profile = options.profile;
  const bool by_code = profile.columns.contains("district") && !options.locate_by_point;
  if (options.grid) return DistrictLocator::by_grid(*options.grid);
  if (!options.boundaries) {
    PRECINCT_CHECK(by_code, ConfigError,
                   "--boundaries: expected a GeoJSON file or --grid to find districts by point, "
                   "found neither; give one (profile {})",
                   profile.name);
    return DistrictLocator::discover();
  }
  const BoundaryProperties properties{
      options.district_property.empty() ? profile.district_property : options.district_property,
      options.name_property, options.parent_property};
  PRECINCT_CHECK(!properties.code.empty(), ConfigError,
                 "--district-property: expected the property of {} that holds the district's code, "
                 "found none; profile {} has no default",
                 options.boundaries->string(), profile.name);
  auto [nodes, polygons] = read_boundaries(*options.boundaries, properties, options.districts);
  if (options.parent_property.empty() && profile.parent_drops_digits > 0 &&
      properties.code == profile.district_property) {
    for (Node& node : nodes) {
      if (node.code.size() > profile.parent_drops_digits)
        node.parent = node.code.substr(0, node.code.size() - profile.parent_drops_digits);
    }
  }
  if (!by_code) return DistrictLocator::by_point(std::move(nodes), polygons);
  auto locator = DistrictLocator::by_code(std::move(nodes), polygons);
  if (options.unknown_under_parent) {
    PRECINCT_CHECK(profile.parent_drops_digits > 0, ConfigError,
                   "--unknown-district: expected reject, found parent; profile {} does not say "
                   "what a district's parent is (parent_drops_digits)",
                   profile.name);
    locator.count_unknown_under_parent(profile.parent_drops_digits);
  }
  return locator;
}

void check_graph_kind(const std::string& kind) {
  int k = 0;
  const bool knn = kind.starts_with("knn:") &&
                   std::from_chars(kind.data() + 4, kind.data() + kind.size(), k).ptr ==
                       kind.data() + kind.size() &&
                   k > 0;
  PRECINCT_CHECK(
      kind == "adjacency" || kind == "queen" || kind == "none" || knn || kind.starts_with("file:"),
      ConfigError,
      "--graph: expected adjacency, queen, knn:<k>, file:<path> or none, found '{}'; choose one",
      kind);
}

EdgeList make_graph(const IngestOptions& options, const DistrictLocator& locator,
                    const std::vector<Node>& nodes) {
  const std::string& kind = options.graph;
  if (kind == "none") return {};
  if (kind.starts_with("file:"))
    return parse_edge_file(read_compressed_file(kind.substr(5)), nodes, kind.substr(5));
  if (kind.starts_with("knn:")) {
    int k = 0;
    std::from_chars(kind.data() + 4, kind.data() + kind.size(), k);
    return build_k_nearest(nodes, k);
  }
  if (options.grid) return build_grid(options.grid->rows, options.grid->columns, kind == "queen");
  if (locator.polygons() == nullptr) return {};
  return build_adjacency(*locator.polygons(), kind == "queen");
}

}  // namespace precinct::data
