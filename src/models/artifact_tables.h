// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/panel.h"
#include "models/artifact.h"

namespace precinct::models {

/// nodes.csv: index,code,name,parent,area_km2,latitude,longitude; quoted by RFC 4180.
std::string nodes_csv(const std::vector<data::Node>& nodes);
/// Throws DataError with file and line.
std::vector<data::Node> parse_nodes(const std::string& text, const std::string& where);
/// categories.csv: index,code,name,discovered_by_officer.
std::string categories_csv(const std::vector<data::Category>& categories);
std::vector<data::Category> parse_categories(const std::string& text, const std::string& where);
/// CARD.md: what it forecasts, from what, how well, what it must not be used for.
std::string model_card(const Artifact& artifact, const data::Panel& panel);

}  // namespace precinct::models
