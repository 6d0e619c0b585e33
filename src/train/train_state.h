// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace precinct::train {

/// fit: on the training range, epochs are chosen on validation. refit: again from fresh weights on
/// everything before the test range, for the number of epochs that fit chose.
enum class Phase { kFit, kRefit };
std::string to_string(Phase phase);

/// Everything of a run besides tensors; state.json of a checkpoint.
struct TrainState {
  static constexpr int kSchema = 1;
  Phase phase = Phase::kFit;
  std::int64_t step = 0;        // optimiser steps of the run, over both phases
  std::int64_t phase_step = 0;  // of this phase
  std::int64_t consumed = 0;    // cursor: windows consumed in this phase
  double fit_epochs = 0;        // best epoch of fit, known in refit
  double best_score = 0;        // of fit, known in refit
  bool rolled_back = false;     // the step guard has used its one way back
  nlohmann::json early_stop = nlohmann::json::object();
  nlohmann::json schedule = nlohmann::json::object();
  nlohmann::json anchor = nullptr;    // constants of the anchor, chosen once
  std::array<double, 3> loss_sums{};  // losses since the last log line
  std::array<double, 4> guard{0, 0, 0, -1};
  std::uint64_t metrics_bytes = 0;  // length of metrics.jsonl
  std::uint64_t seed = 0;           // of all named random streams
  std::string config_hash, panel_hash;
  std::int64_t world_size = 1;
  std::string loss_scale = "none";  // bf16 needs none

  nlohmann::json to_json() const;
  /// Throws DataError: fields missing, or a schema version that this build does not know (both
  /// named).
  static TrainState from_json(const nlohmann::json& json, const std::string& where);
  static TrainState read(const std::filesystem::path& file);
};

}  // namespace precinct::train
