// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/distinct_files.h"
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

/// What a run's forecaster is called among others: by its network, by its run where that is taken,
/// with a number where both are.
std::string name_among(std::set<std::string>& taken, const std::string& network,
                       const std::string& run);

/// Names that no run may have beside them: the baselines', and those of the other entries of a file
/// of predictions.
std::set<std::string> names_beside(const config::ExperimentConfig& config);

/// All runs must forecast the same targets: throws ConfigError naming the first that does not.
/// `panel` is --panel, empty when it is not given: then the runs must name the same file. Says in
/// the log which settings of `evaluate` the first run has otherwise: all are scored with its own.
void require_same_task(const std::vector<Run>& runs, const std::string& panel);

/// What is read of the runs and the panel, and must not be written over.
std::vector<NamedFile> inputs_of(const std::vector<Run>& runs, const std::filesystem::path& panel);

/// The help of --allow-mismatch.
inline constexpr const char* kAllowMismatch =
    "also with a panel that is not the one the runs were trained on";

/// A panel of other counts makes scores that mean something else: throws ConfigError unless its
/// hash is that of the panel that the network was trained on, or `is_allowed`; then it is said in
/// the log.
void require_panel_of(const Run& run, const std::string& trained_on,
                      const std::filesystem::path& panel, bool is_allowed);

}  // namespace precinct::apps
