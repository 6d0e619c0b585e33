// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "models/artifact_forecaster.h"
#include "train/trainer.h"

namespace precinct::train {

/// A network as a Forecaster: fit() trains it in a run folder (or goes on with what is there),
/// predict() uses what the test range may be scored with.
class NetworkForecaster final : public models::Forecaster {
 public:
  /// Keeps references to the run folder and the ranks, all of which call fit().
  NetworkForecaster(config::ExperimentConfig config, std::string panel_hash, const RunFolder& run,
                    Ranks& ranks, Trainer::Options options = {});
  std::string name() const override { return config_.model.name; }
  /// Throws what Trainer::run() throws.
  void fit(const data::Panel& panel, const data::Split& split) override;
  models::Forecast predict(const data::Panel& panel, std::span<const std::int64_t> origins,
                           std::int64_t horizon) override;
  /// After fit().
  const TrainingResult& result() const { return *result_; }

 private:
  config::ExperimentConfig config_;
  std::string panel_hash_;
  const RunFolder& run_;
  Ranks& ranks_;
  Trainer::Options options_;
  std::unique_ptr<TrainingResult> result_;
  std::unique_ptr<models::ArtifactForecaster> forecaster_;
};

}  // namespace precinct::train
