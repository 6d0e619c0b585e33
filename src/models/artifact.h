// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "data/features/feature_set.h"
#include "data/panel.h"
#include "models/network_inputs.h"

namespace precinct::models {

/// What a forecast or a server needs of a trained network, and nothing else.
struct Artifact {
  config::ExperimentConfig config;
  std::map<std::string, torch::Tensor> weights;  // parameters and buffers by PyTorch's names
  data::FeatureSpec features;
  std::optional<data::GammaPoissonConstants> anchor;
  GraphTensors graph;
  std::vector<data::Node> nodes;
  std::vector<data::Category> categories;
  std::string bin, time_zone, panel_hash;
  bool has_mask = false;
  nlohmann::json evaluation;  // null until it was scored
};

/// Districts, categories, bins and graph of the panel that an artifact is made for.
Artifact describe_panel(const config::ExperimentConfig& config, const data::Panel& panel,
                        const std::string& panel_hash);

/// Writes the folder at once (temporary folder, fsync, rename): model.safetensors config.yaml
/// anchor.json features.json graph.safetensors nodes.csv categories.csv CARD.md, nodes.geojson when
/// the panel has polygons, evaluation.json when it was scored, MANIFEST.json last. An older folder
/// of that name is replaced. Throws IoError; NumericError when a weight is not finite.
void save_artifact(const std::filesystem::path& folder, const Artifact& artifact,
                   const data::Panel& panel);

/// Reads and verifies an artifact's folder; a run folder is taken for its artifact/. Throws
/// IoError, DataError naming the file that is damaged or missing.
Artifact load_artifact(const std::filesystem::path& folder);

/// Throws DataError naming the bin, time zone, district, category or graph in which a panel first
/// differs from the one that the artifact was made for.
void check_panel(const Artifact& artifact, const data::Panel& panel);

}  // namespace precinct::models
