// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "config/experiment_config.h"

namespace precinct::config {

/// Every field as it would stand in a file, by dotted key.
std::map<std::string, std::string> printed_values(const ExperimentConfig& config);

}  // namespace precinct::config
