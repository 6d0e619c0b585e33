// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/ingest/district_locator.h"
#include "data/ingest/ingest.h"
#include "data/panel.h"

namespace precinct::data {

/// How districts are found: by grid, by code or point in the boundary file, or, without either, the
/// codes that occur. Throws ConfigError when the options cannot say, IoError and DataError for the
/// file.
DistrictLocator make_locator(const IngestOptions& options);

/// Throws ConfigError unless `kind` is adjacency, queen, knn:<k>, file:<path> or none.
void check_graph_kind(const std::string& kind);

/// The graph of the final nodes; check_graph_kind() goes before.
EdgeList make_graph(const IngestOptions& options, const DistrictLocator& locator,
                    const std::vector<Node>& nodes);

}  // namespace precinct::data
