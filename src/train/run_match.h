// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "train/ranks.h"
#include "train/run_folder.h"

namespace precinct::train {

/// Keys that influence training and differ, in declaration order: "train.optimizer.lr: 0.02 instead
/// of 0.01" with the value of `found` first.
std::vector<std::string> differing_keys(const config::ExperimentConfig& found,
                                        const config::ExperimentConfig& expected);

/// The same of the keys that begin with `prefix`, whether they influence training or not.
std::vector<std::string> differing_keys(const config::ExperimentConfig& found,
                                        const config::ExperimentConfig& expected,
                                        const std::string& prefix);

/// Throws ConfigError, with the keys, when the run was started with a configuration that would have
/// trained otherwise, or was scored with other evaluate keys. A folder without config.yaml matches.
void require_same_configuration(const RunFolder& run, const config::ExperimentConfig& config);

/// Throws ConfigError, the same on all ranks, with the keys by which another rank's configuration
/// differs from rank 0's, in what influences training, `train` and `parallel`. All ranks call it.
void require_same_configuration(Ranks& ranks, const config::ExperimentConfig& config);

}  // namespace precinct::train
