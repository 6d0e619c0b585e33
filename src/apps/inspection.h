// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace precinct::apps {

/// What was found at a path: for a machine, and lines of label and text for a person.
struct Inspection {
  nlohmann::json json = nlohmann::json::object();
  std::vector<std::pair<std::string, std::string>> lines;

  void add(std::string label, std::string text) {
    lines.emplace_back(std::move(label), std::move(text));
  }
};

/// A panel, forecast, run, checkpoint, artifact, folder of checkpoints or safetensors file, by what
/// lies there. Checksums are compared unless `verify` is off. Throws IoError when nothing is there,
/// DataError when it is damaged or something else.
Inspection inspect_path(const std::filesystem::path& path, bool verify);

// One kind each; inspect_path() calls them.
Inspection inspect_panel(const std::filesystem::path& path, bool verify);
Inspection inspect_artifact(const std::filesystem::path& folder, bool verify);
Inspection inspect_checkpoint(const std::filesystem::path& folder, bool verify);
Inspection inspect_checkpoints(const std::filesystem::path& folder, bool verify);
Inspection inspect_run(const std::filesystem::path& folder, bool verify);
/// The .h5 of `precinct forecast`: arrays [H, N, C] of one origin.
bool is_forecast(const std::filesystem::path& path);
Inspection inspect_forecast(const std::filesystem::path& path);
/// The .h5 of `precinct evaluate --predictions`: arrays [O, H, N, C] of each forecaster.
bool is_predictions(const std::filesystem::path& path);
Inspection inspect_predictions(const std::filesystem::path& path);
/// Without LibTorch. JSON: {"tensors": [{"name", "type", "shape", "min", "max"}], "parameters",
/// "not_finite"}.
Inspection inspect_tensors(const std::filesystem::path& file);

/// A JSON object in a file; throws DataError.
nlohmann::json read_json_file(const std::filesystem::path& path);

}  // namespace precinct::apps
