// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/phase_data.h"

#include <algorithm>

#include "base/error.h"

namespace precinct::train {
namespace {

constexpr std::int64_t kBlocks = 4;  // of the accuracy protocol

data::BinRange range_of(const std::vector<std::int64_t>& bins) { return {bins.at(0), bins.at(1)}; }

}  // namespace

data::Split split_of(const config::DataConfig& data, std::int64_t num_bins) {
  const auto& split = data.split;
  if (!split.train_bins.empty())
    return data::Split::by_bins(num_bins, range_of(split.train_bins),
                                range_of(split.validation_bins), range_of(split.test_bins),
                                data.horizon);
  const double production = split.fractions.size() > 3 ? split.fractions[3] : 0.0;
  return data::Split::by_fractions(num_bins, split.fractions.at(0), split.fractions.at(1),
                                   split.fractions.at(2), production, split.gap, data.horizon);
}

PhaseRanges ranges_of(Phase phase, const config::ExperimentConfig& config, const data::Split& split,
                      std::int64_t num_bins) {
  const std::int64_t gap = config.data.split.gap;
  PhaseRanges ranges{split.train, {}};
  if (phase == Phase::kRefit) {
    ranges.fit.end = config.train.refit == "all" ? num_bins : split.test.begin - gap;
  } else {
    ranges.score = split.validation;
    if (config.evaluate.choose_on == "blocks") {
      ranges.score.begin = split.validation.end - kBlocks * split.validation.size();
      ranges.fit.end = std::min(ranges.fit.end, ranges.score.begin - gap);
    }
  }
  const std::int64_t needed = config.data.lookback + config.data.horizon;
  PRECINCT_CHECK(ranges.fit.size() >= needed, ConfigError,
                 "data.split: {}: expected at least {} bins to learn from (lookback + horizon), "
                 "found {}; shorten them, "
                 "the validation range, or set evaluate.choose_on: validation",
                 to_string(phase), needed, ranges.fit.size());
  return ranges;
}

PhaseData::PhaseData(const config::ExperimentConfig& config, const data::Panel& panel,
                     const PhaseRanges& ranges,
                     const std::optional<data::GammaPoissonConstants>& anchor, c10::Device device)
    : ranges_(ranges),
      global_batch_size_(config.train.global_batch_size),
      spec_(data::FeatureSpec::fit(panel, config.input, config.data, ranges.fit)),
      features_(data::FeatureSet::compute(panel, spec_, config.data.horizon, anchor)),
      series_(panel, features_, config.data.lookback, config.data.horizon, device,
              config.data.mode == "resident_host"),
      sampler_(data::list_origins(
                   data::origins_in(ranges.fit, config.data.lookback, config.data.horizon),
                   config.data.stride),
               config.run.seed, config.train.global_batch_size),
      context_(models::make_context(config, panel, spec_, features_, anchor,
                                    models::build_graph(config.data, panel))) {}

std::int64_t PhaseData::cursor_of(std::int64_t phase_step) const {
  const std::int64_t per_epoch = sampler_.steps_per_epoch();
  return phase_step / per_epoch * sampler_.num_windows() +
         phase_step % per_epoch * global_batch_size_;
}

}  // namespace precinct::train
