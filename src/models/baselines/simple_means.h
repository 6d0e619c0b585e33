// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "models/baselines/mean_baseline.h"

namespace precinct::models {

/// The last observed count of the cell, held over the horizon.
class LastValue final : public MeanBaseline {
 public:
  LastValue() : MeanBaseline("last_value") {}

 protected:
  void prepare(const data::Panel&) override {}
  void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
            float* out) override;
};

/// The count one season ago (7 days, 52 weeks, 12 months), the last one that is known.
class SeasonalNaive final : public MeanBaseline {
 public:
  SeasonalNaive() : MeanBaseline("seasonal_naive") {}

 protected:
  void prepare(const data::Panel&) override {}
  void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
            float* out) override;
};

/// Mean of all earlier counts of the cell in the target's season slot, shrunk to the cell's mean as
/// if the slot had `pseudo_bins` more bins of it.
class HistoricalMean final : public MeanBaseline {
 public:
  explicit HistoricalMean(float pseudo_bins = 10)
      : MeanBaseline("historical_mean"), pseudo_bins_(pseudo_bins) {}

 protected:
  void prepare(const data::Panel& panel) override;
  void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
            float* out) override;

 private:
  void roll_to(const data::Panel& panel, std::int64_t origin);
  float pseudo_bins_;
  std::int64_t rolled_to_ = 0;       // the sums hold the bins before it
  std::vector<float> sum_, weight_;  // [S, N, C], [S, N]
};

/// Mean of the last `days` days of the cell.
class MovingAverage final : public MeanBaseline {
 public:
  MovingAverage(std::string name, double days) : MeanBaseline(std::move(name)), days_(days) {}

 protected:
  void prepare(const data::Panel& panel) override;
  void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
            float* out) override;

 private:
  double days_;
  std::vector<double> sum_, weight_;  // prefix sums [T+1, N, C], [T+1, N]
};

/// share[n,c] (last 365 days) x level[c] (last 28 days, deseasonalised) x factor of the season
/// slot, shrunk by 3 bins. Bins in which no node was observed are left out.
class ShareLevelSeason final : public MeanBaseline {
 public:
  ShareLevelSeason() : MeanBaseline("share_level_season") {}

 protected:
  void prepare(const data::Panel& panel) override;
  void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
            float* out) override;

 private:
  void start_anew(const data::Panel& panel);
  void roll_to(const data::Panel& panel, std::int64_t origin);
  std::vector<double> factors() const;  // [S, C] of the bins before rolled_to_
  std::vector<double> sum_;             // prefix sums [T+1, N, C]
  std::vector<double> total_;           // [T, C]
  std::vector<std::uint8_t> is_seen_;   // [T], 1 when a node was observed
  // of the bins before rolled_to_ that were seen
  std::int64_t rolled_to_ = 0;
  double bins_ = 0;
  std::vector<double> all_, season_sum_, season_bins_;  // [C], [S, C], [S]
};

/// Exponentially weighted mean of the cell, half-life 120 days, shrunk by 2 bins to the category's
/// mean.
class ExponentialMean final : public MeanBaseline {
 public:
  ExponentialMean() : MeanBaseline("ewma") {}

 protected:
  void prepare(const data::Panel& panel) override;
  void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
            float* out) override;

 private:
  std::vector<float> mean_;  // [T+1, N, C]
};

}  // namespace precinct::models
