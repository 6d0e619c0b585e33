// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "config/experiment_config.h"
#include "data/loader/split.h"
#include "data/panel.h"

namespace precinct::train {

/// What each rank of a job of `world_size` ranks would hold and send in one step, as text, found
/// out in this process alone: the network is built and laid out as on each pipeline stage, and each
/// stage takes one step with peers that do not exist, on what the stage before it sent. Nothing is
/// written. Throws ConfigError for degrees that do not fit, as the job itself would.
std::string dry_run(const config::ExperimentConfig& config, const data::Panel& panel,
                    const data::Split& split, std::int64_t world_size);

}  // namespace precinct::train
