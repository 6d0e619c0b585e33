// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/artifact.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "models/artifact_tables.h"
#include "models/folder_manifest.h"
#include "models/forecast_files.h"
#include "models/safetensors.h"

namespace precinct::models {
namespace fs = std::filesystem;
namespace {

void write_text(const fs::path& path, const std::string& text) {
  write_file_atomically(path, std::string_view(text));
}

nlohmann::json anchor_json(const Artifact& artifact) {
  nlohmann::json json = {
      {"kind", artifact.anchor ? "gamma_poisson" : "none"},
      {"fit_range", {artifact.features.fit_range.begin, artifact.features.fit_range.end}},
      {"panel_sha256", artifact.panel_hash},
      {"bin", artifact.bin},
      {"time_zone", artifact.time_zone},
      {"has_mask", artifact.has_mask}};
  json["constants"] = artifact.anchor ? nlohmann::json(*artifact.anchor) : nlohmann::json();
  return json;
}

void require_finite(const Artifact& artifact) {
  for (const auto& [name, tensor] : artifact.weights)
    PRECINCT_CHECK(
        !tensor.is_floating_point() || torch::isfinite(tensor).all().item<bool>(), NumericError,
        "artifact: tensor {}: expected finite weights, found others; lower train.optimizer.lr",
        name);
}

void write_files(const fs::path& folder, const Artifact& artifact, const data::Panel& panel) {
  const NamedTensors weights(artifact.weights.begin(), artifact.weights.end());
  write_safetensors(folder / "model.safetensors", weights,
                    {{"format", "pt"}, {"model", artifact.config.model.name}});
  write_safetensors(folder / "graph.safetensors", {{"edge_index", artifact.graph.edge_index},
                                                   {"edge_weight", artifact.graph.edge_weight}});
  write_text(folder / "config.yaml", config::to_yaml(artifact.config));
  write_text(folder / "anchor.json", anchor_json(artifact).dump(2) + "\n");
  write_text(folder / "features.json", nlohmann::json(artifact.features).dump(2) + "\n");
  write_text(folder / "nodes.csv", nodes_csv(artifact.nodes));
  write_text(folder / "categories.csv", categories_csv(artifact.categories));
  if (panel.has_geometry()) write_text(folder / "nodes.geojson", districts_geojson(panel));
  if (!artifact.evaluation.is_null())
    write_text(folder / "evaluation.json", artifact.evaluation.dump(2) + "\n");
  write_text(folder / "CARD.md", model_card(artifact, panel));
  write_manifest(folder);
}

nlohmann::json read_json(const fs::path& path) {
  auto json = nlohmann::json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  PRECINCT_CHECK(!json.is_discarded(), DataError,
                 "{}: expected JSON, found other text; use another copy", path.string());
  return json;
}

}  // namespace

Artifact describe_panel(const config::ExperimentConfig& config, const data::Panel& panel,
                        const std::string& panel_hash) {
  Artifact artifact;
  artifact.config = config;
  artifact.graph = build_graph(config.data, panel);
  artifact.nodes = panel.nodes;
  artifact.categories = panel.categories;
  artifact.bin = panel.axis.spec().to_string();
  artifact.time_zone = panel.time_zone;
  artifact.panel_hash = panel_hash;
  artifact.has_mask = !panel.observed.empty();
  return artifact;
}

void save_artifact(const fs::path& folder, const Artifact& artifact, const data::Panel& panel) {
  require_finite(artifact);
  AtomicFolder temporary(folder);
  write_files(temporary.path(), artifact, panel);
  const fs::path old = folder.parent_path() / fmt::format(".{}.old", folder.filename().string());
  fs::remove_all(old);
  if (fs::exists(folder)) fs::rename(folder, old);
  temporary.commit();
  fs::remove_all(old);
}

Artifact load_artifact(const fs::path& path) {
  const fs::path folder = fs::exists(path / "artifact") ? path / "artifact" : path;
  verify_manifest(folder);
  Artifact artifact;
  artifact.config = config::load_experiment({folder / "config.yaml"});
  artifact.weights = read_safetensors(folder / "model.safetensors");
  auto graph = read_safetensors(folder / "graph.safetensors");
  artifact.graph = {graph["edge_index"], graph["edge_weight"]};
  artifact.nodes = parse_nodes(read_file(folder / "nodes.csv"), (folder / "nodes.csv").string());
  artifact.categories =
      parse_categories(read_file(folder / "categories.csv"), (folder / "categories.csv").string());
  try {
    read_json(folder / "features.json").get_to(artifact.features);
    const nlohmann::json anchor = read_json(folder / "anchor.json");
    if (!anchor.at("constants").is_null())
      artifact.anchor = anchor.at("constants").get<data::GammaPoissonConstants>();
    anchor.at("bin").get_to(artifact.bin);
    anchor.at("time_zone").get_to(artifact.time_zone);
    anchor.at("panel_sha256").get_to(artifact.panel_hash);
    anchor.at("has_mask").get_to(artifact.has_mask);
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format(
        "{}: expected features.json and anchor.json of this version, found {}; train again",
        folder.string(), error.what()));
  }
  if (fs::exists(folder / "evaluation.json"))
    artifact.evaluation = read_json(folder / "evaluation.json");
  return artifact;
}

void check_panel(const Artifact& artifact, const data::Panel& panel) {
  const auto expect = [](const std::string& what, const auto& expected, const auto& found) {
    PRECINCT_CHECK(expected == found, DataError,
                   "panel: {}: expected {} (as in the artifact), found {}; ingest with the same "
                   "boundaries, profile and time zone",
                   what, expected, found);
  };
  expect("bin", artifact.bin, panel.axis.spec().to_string());
  expect("time zone", artifact.time_zone, panel.time_zone);
  expect("number of districts", artifact.nodes.size(), panel.nodes.size());
  expect("number of categories", artifact.categories.size(), panel.categories.size());
  for (std::size_t n = 0; n < artifact.nodes.size(); ++n)
    expect(fmt::format("district {}", n), artifact.nodes[n].code, panel.nodes[n].code);
  for (std::size_t c = 0; c < artifact.categories.size(); ++c)
    expect(fmt::format("category {}", c), artifact.categories[c].code, panel.categories[c].code);
  const auto edges = build_graph(artifact.config.data, panel).edge_index;
  PRECINCT_CHECK(
      torch::equal(edges, artifact.graph.edge_index), DataError,
      "panel: graph: expected the {} edges of the artifact, found {}, others among them; "
      "ingest with the same --boundaries and --graph",
      artifact.graph.edge_index.size(1), edges.size(1));
  const bool misses_none =
      std::find(panel.observed.begin(), panel.observed.end(), 0) == panel.observed.end();
  PRECINCT_CHECK(artifact.has_mask || misses_none, DataError,
                 "panel: observed: expected a panel without missing bins (as in the artifact), "
                 "found some; ingest the panel that it was trained on anew and train on that");
}

}  // namespace precinct::models
