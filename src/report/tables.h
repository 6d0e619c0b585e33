// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace precinct::report {

/// The metric table of an evaluation as HTML: models first, baselines below, skill with interval
/// and verdict.
std::string metric_table(const nlohmann::json& evaluation);

/// What ingest found, as HTML; empty for null.
std::string quality_table(const nlohmann::json& quality);

}  // namespace precinct::report
