// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "data/loader/resident_series.h"
#include "models/forecast_model.h"
#include "train/learner.h"
#include "train/ranks.h"

namespace precinct::train {

/// Scores a network on a range of targets while it trains: every target of the range at each
/// horizon step, observed cells only. Waits for the device once per call.
class ValidationScorer {
 public:
  ValidationScorer(const config::ExperimentConfig& config, const data::ResidentSeries& series,
                   const data::BinRange& range, Ranks& ranks);
  /// {"val/loss", "val/NLL"}: mean over cells of the configured head's loss and of its NLL (half
  /// the squared error for a point head).
  /// The windows are shared out over the data-parallel ranks, each once; all ranks call it and have
  /// the same bits, which do not depend on the number of ranks.
  std::map<std::string, double> score(Learner& learner) const;

 private:
  torch::Tensor sums_of_chunk(Learner& learner, std::size_t begin) const;
  torch::Tensor mask(
      const data::Batch& batch) const;  // [B, H, N] f32: target in the range and observed
  config::HeadConfig head_, plain_head_;
  const data::ResidentSeries& series_;
  data::BinRange range_;
  std::vector<std::int64_t> origins_;
  std::int64_t chunk_;
  Ranks& ranks_;
};

}  // namespace precinct::train
