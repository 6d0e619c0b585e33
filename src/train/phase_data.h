// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "config/experiment_config.h"
#include "data/features/feature_set.h"
#include "data/loader/resident_series.h"
#include "data/loader/split.h"
#include "data/loader/window_sampler.h"
#include "data/panel.h"
#include "models/network_inputs.h"
#include "train/train_state.h"

namespace precinct::train {

/// The configured split of a panel of `num_bins` bins.
data::Split split_of(const config::DataConfig& data, std::int64_t num_bins);

/// Bins a phase learns from and bins it is scored on.
struct PhaseRanges {
  data::BinRange fit;    // windows and everything that is learnt from data
  data::BinRange score;  // targets of the evaluations; empty in refit
};

/// fit: choose_on validation = the split's training and validation range; choose_on blocks = four
/// blocks, the validation range and the three of equal length before it, learnt from what precedes
/// the first of them. refit: everything before the test range (before_test), or the whole panel
/// (all); never scored. Throws ConfigError when too few bins are left to learn from.
PhaseRanges ranges_of(Phase phase, const config::ExperimentConfig& config, const data::Split& split,
                      std::int64_t num_bins);

/// What one phase trains on: features learnt on its fit range, the resident series, the order of
/// its windows. Keeps a reference to the panel.
class PhaseData {
 public:
  PhaseData(const config::ExperimentConfig& config, const data::Panel& panel,
            const PhaseRanges& ranges, const std::optional<data::GammaPoissonConstants>& anchor,
            c10::Device device);
  const PhaseRanges& ranges() const { return ranges_; }
  const data::FeatureSpec& spec() const { return spec_; }
  const data::ResidentSeries& series() const { return series_; }
  const data::WindowSampler& sampler() const { return sampler_; }
  const models::ModelContext& context() const { return context_; }
  /// Cursor at which step `phase_step` of the phase starts.
  std::int64_t cursor_of(std::int64_t phase_step) const;

 private:
  PhaseRanges ranges_;
  std::int64_t global_batch_size_;
  data::FeatureSpec spec_;
  data::FeatureSet features_;
  data::ResidentSeries series_;
  data::WindowSampler sampler_;
  models::ModelContext context_;
};

}  // namespace precinct::train
