// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <optional>

#include "config/experiment_config.h"
#include "data/features/feature_set.h"
#include "data/panel.h"
#include "models/forecast_model.h"

namespace precinct::models {

/// The district graph as a network takes it.
struct GraphTensors {
  torch::Tensor edge_index;   // [2, E] i64, both ways, no self loops
  torch::Tensor edge_weight;  // [E] f32, mean 1
};

/// The configured graph of a panel: data.graph adjacency = the panel's own, knn = 8 nearest
/// centroids. Weights are divided by their mean, so that they have no unit. Throws ConfigError for
/// another name.
GraphTensors build_graph(const config::DataConfig& data, const data::Panel& panel);

/// Sizes and constants that the network is built from.
ModelContext make_context(const config::ExperimentConfig& config, const data::Panel& panel,
                          const data::FeatureSpec& spec, const data::FeatureSet& features,
                          const std::optional<data::GammaPoissonConstants>& anchor,
                          const GraphTensors& graph);

}  // namespace precinct::models
