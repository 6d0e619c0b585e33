// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/train_state.h"

#include "base/atomic_file.h"
#include "base/error.h"

namespace precinct::train {

std::string to_string(Phase phase) { return phase == Phase::kFit ? "fit" : "refit"; }

nlohmann::json TrainState::to_json() const {
  return {
      {"schema", kSchema},
      {"phase", to_string(phase)},
      {"step", step},
      {"phase_step", phase_step},
      {"consumed", consumed},
      {"fit_epochs", fit_epochs},
      {"best_score", best_score},
      {"rolled_back", rolled_back},
      {"early_stop", early_stop},
      {"schedule", schedule},
      {"anchor", anchor},
      {"loss_sums", loss_sums},
      {"guard", guard},
      {"metrics_bytes", metrics_bytes},
      // every stream is a pure function of (seed, name, counter); order and dropout count windows
      {"random_streams", {{"seed", seed}, {"order", consumed}, {"dropout", consumed}}},
      {"loss_scale", loss_scale},
      {"config_hash", config_hash},
      {"panel_hash", panel_hash},
      {"world_size", world_size}};
}

TrainState TrainState::from_json(const nlohmann::json& json, const std::string& where) {
  try {
    const int schema = json.at("schema").get<int>();
    PRECINCT_CHECK(
        schema == kSchema, DataError,
        "{}: schema: expected version {}, found {}; use the build that wrote this checkpoint",
        where, kSchema, schema);
    TrainState state;
    state.phase = json.at("phase").get<std::string>() == "refit" ? Phase::kRefit : Phase::kFit;
    json.at("step").get_to(state.step);
    json.at("phase_step").get_to(state.phase_step);
    json.at("consumed").get_to(state.consumed);
    json.at("fit_epochs").get_to(state.fit_epochs);
    json.at("best_score").get_to(state.best_score);
    json.at("rolled_back").get_to(state.rolled_back);
    state.early_stop = json.at("early_stop");
    state.schedule = json.at("schedule");
    state.anchor = json.at("anchor");
    json.at("loss_sums").get_to(state.loss_sums);
    json.at("guard").get_to(state.guard);
    json.at("metrics_bytes").get_to(state.metrics_bytes);
    json.at("random_streams").at("seed").get_to(state.seed);
    json.at("config_hash").get_to(state.config_hash);
    json.at("panel_hash").get_to(state.panel_hash);
    json.at("world_size").get_to(state.world_size);
    return state;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(where + ": expected the state of a run, found " + error.what() +
                    "; use another checkpoint");
  }
}

TrainState TrainState::read(const std::filesystem::path& file) {
  const auto json = nlohmann::json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  return from_json(json, file.string());
}

}  // namespace precinct::train
