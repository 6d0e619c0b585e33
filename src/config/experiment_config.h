// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/data_config.h"
#include "config/head_config.h"
#include "config/model_config.h"
#include "config/parallel_config.h"
#include "config/train_config.h"

namespace precinct::config {

/// `run:`
struct RunConfig {
  std::string name;  // empty: derived from the configuration's hash
  std::uint64_t seed = 1;
  std::string output = "runs";  // folder that holds the run folder
  std::string device = "auto";  // auto|cpu|cuda
};

/// Everything a run is made from. Merge of the configuration files and --set assignments.
struct ExperimentConfig {
  RunConfig run;
  DataConfig data;
  InputConfig input;
  ModelConfig model;
  HeadConfig head;
  TrainConfig train;
  ParallelConfig parallel;
  EvaluateConfig evaluate;
  LogConfig log;
};

/// Reads and merges `files` left to right, then applies `assignments` ("train.epochs=5"). Relative
/// paths in values are relative to the file that names them (or the working folder) and become
/// absolute. Throws ConfigError that lists all
/// problems at once (the first 100 of them), one per line, each with file:line, dotted key,
/// expected, found and the nearest known key.
ExperimentConfig load_experiment(const std::vector<std::filesystem::path>& files,
                                 const std::vector<std::string>& assignments = {});

/// Throws ConfigError when no panel is named: nothing can be trained or scored without.
void require_panel(const ExperimentConfig& config);

/// Throws ConfigError when values of train and parallel do not go together, whoever set them.
void require_that_keys_agree(const ExperimentConfig& config);

/// The resolved configuration as YAML, every key present, in declaration order; load(to_yaml(c)) ==
/// c.
std::string to_yaml(const ExperimentConfig& config);

/// sha256 over the keys that influence training (not run.name, run.output, log, parallel timeouts,
/// data.loader_threads, data.prefetch, evaluate but for choose_on). The panel's path is left out:
/// what the panel holds is compared by its own hash.
std::string training_hash(const ExperimentConfig& config);

/// Name of the run: run.name, or "<model>-<first 10 of the hash>".
std::string run_name(const ExperimentConfig& config);

/// Markdown table of all keys with default, unit and range: docs/configuration.md.
std::string reference_markdown();

/// A duration: "3ep", "1000st", "2h", "10min", "30s".
struct Duration {
  enum class Unit { kEpochs, kSteps, kSeconds } unit = Unit::kEpochs;
  double value = 1;
  static Duration parse(const std::string& text);  // throws ConfigError
};

}  // namespace precinct::config
