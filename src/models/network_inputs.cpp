// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/network_inputs.h"

#include <cmath>

#include "base/error.h"
#include "data/graph/graph_builder.h"

namespace precinct::models {
namespace {

constexpr int kNearest = 8;

torch::Tensor to_tensor(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

}  // namespace

GraphTensors build_graph(const config::DataConfig& data, const data::Panel& panel) {
  PRECINCT_CHECK(data.graph == "adjacency" || data.graph == "knn", ConfigError,
                 "data.graph: expected adjacency or knn, found '{}'; choose one of them",
                 data.graph);
  const data::EdgeList edges =
      data.graph == "knn" ? data::build_k_nearest(panel.nodes, kNearest) : panel.graph;
  GraphTensors graph;
  graph.edge_index = torch::empty({2, edges.size()}, torch::kInt64);
  auto index = graph.edge_index.accessor<std::int64_t, 2>();
  double sum = 0;
  for (std::int64_t e = 0; e < edges.size(); ++e) {
    const auto i = static_cast<std::size_t>(e);
    index[0][e] = edges.source[i];
    index[1][e] = edges.target[i];
    sum += edges.weight[i];
  }
  graph.edge_weight = to_tensor(edges.weight, {edges.size()});
  if (sum > 0) graph.edge_weight.mul_(static_cast<double>(edges.size()) / sum);
  return graph;
}

ModelContext make_context(const config::ExperimentConfig& config, const data::Panel& panel,
                          const data::FeatureSpec& spec, const data::FeatureSet& features,
                          const std::optional<data::GammaPoissonConstants>& anchor,
                          const GraphTensors& graph) {
  ModelContext context;
  context.num_nodes = panel.num_nodes;
  context.num_categories = panel.num_categories;
  context.lookback = config.data.lookback;
  context.horizon = config.data.horizon;
  context.num_calendar = features.num_calendar;
  context.num_origin_features = features.num_origin;
  context.num_day_slots = features.num_day_slots;
  context.has_mask = !panel.observed.empty();
  context.has_anchor = anchor.has_value();
  context.statics = to_tensor(spec.statics, {panel.num_nodes, features.num_static});
  context.edge_index = graph.edge_index;
  context.edge_weight = graph.edge_weight;
  context.log_mean0 = to_tensor(spec.log_mean0, {panel.num_nodes, panel.num_categories});
  context.log_alpha0 = to_tensor(spec.log_dispersion0, {panel.num_categories});
  for (std::int64_t c = 0; anchor && c < panel.num_categories; ++c)
    context.log_alpha0[c] =
        std::log(std::max(anchor->dispersion[static_cast<std::size_t>(c)], 1e-6));
  return context;
}

}  // namespace precinct::models
