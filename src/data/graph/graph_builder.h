// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/geo/geometry.h"
#include "data/panel.h"

namespace precinct::data {

/// Districts that share a border of at least `min_metres` (rook); `queen` adds corner touches.
/// Weight: metres.
EdgeList build_adjacency(const PolygonSet& polygons, bool queen = false, double min_metres = 2.5);

/// Each district with its k nearest centroids, made symmetric. Weight: 1 / km.
EdgeList build_k_nearest(const std::vector<Node>& nodes, int k);

/// The 8 neighbours (or 4) of the cells of a row-major grid. Weight: 1.
EdgeList build_grid(std::int64_t rows, std::int64_t columns, bool queen = true);

/// From CSV text with a header `source,target[,weight]` of district codes. Unknown codes are
/// DataError with the line.
EdgeList parse_edge_file(const std::string& text, const std::vector<Node>& nodes,
                         const std::string& where);

}  // namespace precinct::data
