// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "report/report_data.h"

namespace precinct::report {

/// The metric table of an evaluation as HTML: models first, baselines below, skill with interval
/// and verdict.
std::string metric_table(const nlohmann::json& evaluation);

/// NLL (RMSE when the reference is a point forecast) of the networks and the reference by category
/// and by step ahead; empty without an evaluation.
std::string breakdown_table(const nlohmann::json& evaluation);

/// What ingest found, as HTML; a sentence for null.
std::string quality_table(const nlohmann::json& quality);

/// A definition list.
std::string facts_list(const Facts& facts);

}  // namespace precinct::report
