// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/network_forecaster.h"

#include "base/error.h"
#include "train/run_logs.h"
#include "train/training_device.h"

namespace precinct::train {

NetworkForecaster::NetworkForecaster(config::ExperimentConfig config, std::string panel_hash,
                                     const RunFolder& run, Ranks& ranks, Trainer::Options options)
    : config_(std::move(config)),
      panel_hash_(std::move(panel_hash)),
      run_(run),
      ranks_(ranks),
      options_(options) {}

void NetworkForecaster::fit(const data::Panel& panel, const data::Split& split) {
  Trainer trainer(config_, panel, panel_hash_, split, run_, ranks_, options_);
  ranks_.lead([&] {
    for (auto& log : make_logs(config_.log, run_)) trainer.add_observer(std::move(log));
  });
  result_ = std::make_unique<TrainingResult>(trainer.run());
  ranks_.lead([&] {
    forecaster_ = std::make_unique<models::ArtifactForecaster>(result_->evaluated, ranks_.device());
  });
}

models::Forecast NetworkForecaster::predict(const data::Panel& panel,
                                            std::span<const std::int64_t> origins,
                                            std::int64_t horizon) {
  PRECINCT_CHECK(forecaster_ != nullptr, ShapeError, "network {}: expected fit() before predict()",
                 name());
  return forecaster_->predict(panel, origins, horizon);
}

}  // namespace precinct::train
