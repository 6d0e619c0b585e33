// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/experiment_config.h"

namespace precinct::apps {

/// A finished run's folder: a network with its artifact, or baselines alone.
struct Run {
  std::string name;  // of the folder
  std::filesystem::path path;
  config::ExperimentConfig config;
  bool is_network = false;
};

/// Reads the configuration of each folder. Throws IoError for one that is no finished run.
std::vector<Run> read_runs(const std::vector<std::string>& folders);

/// All runs must forecast the same targets: throws ConfigError naming the first that does not.
void require_same_task(const std::vector<Run>& runs);

}  // namespace precinct::apps
