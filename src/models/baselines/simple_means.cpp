// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/simple_means.h"

#include <algorithm>
#include <cmath>

namespace precinct::models {
namespace {

std::int64_t season_length(const data::Panel& panel) {
  switch (panel.axis.spec().kind) {
    case BinKind::kHours:
      return 7 * panel.axis.spec().bins_per_day();
    case BinKind::kDay:
      return 7;
    case BinKind::kWeek:
      return 52;
    case BinKind::kMonth:
      return 12;
  }
  return 1;
}

/// Prefix sums over bins: row t holds the sum of bins < t; unobserved bins add nothing.
std::vector<double> prefix_counts(const data::Panel& panel) {
  const auto cells = static_cast<std::size_t>(panel.num_nodes * panel.num_categories);
  std::vector<double> sum((static_cast<std::size_t>(panel.num_bins) + 1) * cells, 0);
  for (std::int64_t t = 0; t < panel.num_bins; ++t) {
    const std::size_t row = static_cast<std::size_t>(t) * cells;
    for (std::size_t i = 0; i < cells; ++i) {
      const bool seen = panel.is_observed(t, static_cast<std::int64_t>(i) / panel.num_categories);
      sum[row + cells + i] =
          sum[row + i] + (seen ? panel.counts[static_cast<std::int64_t>(row + i)] : 0);
    }
  }
  return sum;
}

void repeat_first_step(float* out, std::int64_t cells, std::int64_t horizon) {
  for (std::int64_t h = 1; h < horizon; ++h) std::copy_n(out, cells, out + h * cells);
}

}  // namespace

void LastValue::mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
                     float* out) {
  const std::int64_t cells = panel.num_nodes * panel.num_categories;
  for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
    std::int64_t t = origin - 1;
    while (t >= 0 && !panel.is_observed(t, n)) --t;
    for (std::int64_t c = 0; c < panel.num_categories; ++c)
      out[n * panel.num_categories + c] = t >= 0 ? static_cast<float>(panel.count(t, n, c)) : 0.0F;
  }
  repeat_first_step(out, cells, horizon);
}

void SeasonalNaive::mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
                         float* out) {
  const std::int64_t season = season_length(panel), cells = panel.num_nodes * panel.num_categories;
  for (std::int64_t h = 0; h < horizon; ++h) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      std::int64_t t = origin + h - season;
      while (t >= origin || (t >= 0 && !panel.is_observed(t, n))) t -= season;
      for (std::int64_t c = 0; c < panel.num_categories; ++c) {
        out[h * cells + n * panel.num_categories + c] =
            t >= 0 ? static_cast<float>(panel.count(t, n, c)) : 0.0F;
      }
    }
  }
}

void HistoricalMean::prepare(const data::Panel& panel) {
  const std::int64_t cells = panel.axis.num_seasons() * panel.num_nodes;
  rolled_to_ = 0;
  sum_.assign(static_cast<std::size_t>(cells * panel.num_categories), 0);
  weight_.assign(static_cast<std::size_t>(cells), 0);
}

void HistoricalMean::roll_to(const data::Panel& panel, std::int64_t origin) {
  const std::int64_t nodes = panel.num_nodes, cats = panel.num_categories;
  if (origin < rolled_to_) prepare(panel);
  for (; rolled_to_ < origin; ++rolled_to_) {
    const std::int64_t season = panel.axis.season_of(rolled_to_);
    for (std::int64_t n = 0; n < nodes; ++n) {
      if (!panel.is_observed(rolled_to_, n)) continue;
      weight_[static_cast<std::size_t>(season * nodes + n)] += 1;
      for (std::int64_t c = 0; c < cats; ++c)
        sum_[static_cast<std::size_t>((season * nodes + n) * cats + c)] +=
            static_cast<float>(panel.count(rolled_to_, n, c));
    }
  }
}

void HistoricalMean::mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
                          float* out) {
  const std::int64_t seasons = panel.axis.num_seasons(), nodes = panel.num_nodes,
                     cats = panel.num_categories;
  roll_to(panel, origin);
  const float *sum = sum_.data(), *weight = weight_.data();
  for (std::int64_t n = 0; n < nodes; ++n) {
    for (std::int64_t c = 0; c < cats; ++c) {
      float all = 0, bins = 0;
      for (std::int64_t s = 0; s < seasons; ++s) {
        all += sum[(s * nodes + n) * cats + c];
        bins += weight[s * nodes + n];
      }
      const float overall = bins > 0 ? all / bins : 0;
      for (std::int64_t h = 0; h < horizon; ++h) {
        const std::int64_t s = panel.axis.season_of(origin + h);
        out[(h * nodes + n) * cats + c] =
            (sum[(s * nodes + n) * cats + c] + pseudo_bins_ * overall) /
            (weight[s * nodes + n] + pseudo_bins_);
      }
    }
  }
}

void MovingAverage::prepare(const data::Panel& panel) {
  sum_ = prefix_counts(panel);
  weight_.assign(static_cast<std::size_t>((panel.num_bins + 1) * panel.num_nodes), 0);
  for (std::int64_t t = 0; t < panel.num_bins; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      const auto at = static_cast<std::size_t>(t * panel.num_nodes + n);
      weight_[at + static_cast<std::size_t>(panel.num_nodes)] =
          weight_[at] + (panel.is_observed(t, n) ? 1 : 0);
    }
  }
}

void MovingAverage::mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
                         float* out) {
  const std::int64_t cells = panel.num_nodes * panel.num_categories;
  const auto bins = std::max<std::int64_t>(1, std::llround(panel.axis.bins_in_days(days_)));
  const std::int64_t from = std::max<std::int64_t>(0, origin - bins);
  for (std::int64_t i = 0; i < cells; ++i) {
    const std::int64_t n = i / panel.num_categories;
    const double weight = weight_[static_cast<std::size_t>(origin * panel.num_nodes + n)] -
                          weight_[static_cast<std::size_t>(from * panel.num_nodes + n)];
    const double sum = sum_[static_cast<std::size_t>(origin * cells + i)] -
                       sum_[static_cast<std::size_t>(from * cells + i)];
    out[i] = weight > 0 ? static_cast<float>(sum / weight) : 0.0F;
  }
  repeat_first_step(out, cells, horizon);
}

void ShareLevelSeason::prepare(const data::Panel& panel) {
  sum_ = prefix_counts(panel);
  const std::int64_t cells = panel.num_nodes * panel.num_categories, cats = panel.num_categories;
  total_.assign(static_cast<std::size_t>(panel.num_bins * cats), 0);
  for (std::int64_t t = 0; t < panel.num_bins; ++t) {
    for (std::int64_t i = 0; i < cells; ++i) {
      total_[static_cast<std::size_t>(t * cats + i % cats)] +=
          sum_[static_cast<std::size_t>((t + 1) * cells + i)] -
          sum_[static_cast<std::size_t>(t * cells + i)];
    }
  }
  is_seen_.assign(static_cast<std::size_t>(panel.num_bins), 0);
  for (std::int64_t t = 0; t < panel.num_bins; ++t)
    for (std::int64_t n = 0; n < panel.num_nodes; ++n)
      if (panel.is_observed(t, n)) is_seen_[static_cast<std::size_t>(t)] = 1;
  start_anew(panel);
}

void ShareLevelSeason::start_anew(const data::Panel& panel) {
  const auto cats = static_cast<std::size_t>(panel.num_categories),
             seasons = static_cast<std::size_t>(panel.axis.num_seasons());
  rolled_to_ = 0;
  bins_ = 0;
  all_.assign(cats, 0);
  season_sum_.assign(seasons * cats, 0);
  season_bins_.assign(seasons, 0);
}

void ShareLevelSeason::roll_to(const data::Panel& panel, std::int64_t origin) {
  if (origin < rolled_to_) start_anew(panel);
  const std::size_t cats = all_.size();
  for (; rolled_to_ < origin; ++rolled_to_) {
    const auto t = static_cast<std::size_t>(rolled_to_),
               s = static_cast<std::size_t>(panel.axis.season_of(rolled_to_));
    if (is_seen_[t] == 0) continue;
    season_bins_[s] += 1;
    bins_ += 1;
    for (std::size_t c = 0; c < cats; ++c) {
      season_sum_[s * cats + c] += total_[t * cats + c];
      all_[c] += total_[t * cats + c];
    }
  }
}

std::vector<double> ShareLevelSeason::factors() const {
  constexpr double kPseudoBins = 3;
  const std::size_t cats = all_.size();
  std::vector<double> factor;
  factor.reserve(season_sum_.size());
  for (std::size_t s = 0; s < season_bins_.size(); ++s) {
    for (std::size_t c = 0; c < cats; ++c) {
      const double overall = bins_ > 0 ? all_[c] / bins_ : 0;
      const double mean =
          (season_sum_[s * cats + c] + kPseudoBins * overall) / (season_bins_[s] + kPseudoBins);
      factor.push_back(overall > 0 ? mean / overall : 1.0);
    }
  }
  return factor;
}

void ShareLevelSeason::mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
                            float* out) {
  const std::int64_t cells = panel.num_nodes * panel.num_categories, cats = panel.num_categories;
  const std::int64_t year =
      std::max<std::int64_t>(0, origin - std::llround(panel.axis.bins_in_days(365)));
  const std::int64_t month = std::max<std::int64_t>(
      0, origin - std::max<std::int64_t>(1, std::llround(panel.axis.bins_in_days(28))));
  roll_to(panel, origin);
  const std::vector<double> factors_now = factors();
  const double* factor = factors_now.data();
  for (std::int64_t c = 0; c < cats; ++c) {
    double yearly = 0, level = 0;
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      const auto i = static_cast<std::size_t>(n * cats + c);
      yearly += sum_[static_cast<std::size_t>(origin * cells) + i] -
                sum_[static_cast<std::size_t>(year * cells) + i];
    }
    double bins = 0;
    for (std::int64_t t = month; t < origin; ++t) {
      bins += is_seen_[static_cast<std::size_t>(t)];
      level += total_[static_cast<std::size_t>(t * cats + c)] /
               std::max(factor[panel.axis.season_of(t) * cats + c], 1e-6);
    }
    if (bins > 0) level /= bins;
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      const auto i = static_cast<std::size_t>(n * cats + c);
      const double own = sum_[static_cast<std::size_t>(origin * cells) + i] -
                         sum_[static_cast<std::size_t>(year * cells) + i];
      const double share = yearly > 0 ? own / yearly : 1.0 / static_cast<double>(panel.num_nodes);
      for (std::int64_t h = 0; h < horizon; ++h) {
        out[h * cells + static_cast<std::int64_t>(i)] =
            static_cast<float>(share * level * factor[panel.axis.season_of(origin + h) * cats + c]);
      }
    }
  }
}

void ExponentialMean::prepare(const data::Panel& panel) {
  constexpr double kHalfLifeDays = 120, kPseudoBins = 2;
  const double decay = std::exp2(-1.0 / panel.axis.bins_in_days(kHalfLifeDays));
  const auto cats = static_cast<std::size_t>(panel.num_categories),
             nodes = static_cast<std::size_t>(panel.num_nodes);
  std::vector<double> sum(nodes * cats, 0), weight(nodes, 0);
  mean_.clear();
  for (std::int64_t t = 0;; ++t) {
    double all_weight = 0;
    std::vector<double> all(cats, 0);
    for (std::size_t n = 0; n < nodes; ++n) {
      for (std::size_t c = 0; c < cats; ++c) all[c] += sum[n * cats + c];
    }
    for (const double w : weight) all_weight += w;
    for (std::size_t n = 0; n < nodes; ++n) {
      for (std::size_t c = 0; c < cats; ++c) {
        const double overall = all_weight > 0 ? all[c] / all_weight : 0;
        mean_.push_back(static_cast<float>((sum[n * cats + c] + kPseudoBins * overall) /
                                           (weight[n] + kPseudoBins)));
      }
    }
    if (t == panel.num_bins) return;
    for (std::size_t n = 0; n < nodes; ++n) {
      const bool seen = panel.is_observed(t, static_cast<std::int64_t>(n));
      weight[n] = decay * weight[n] + (seen ? 1 : 0);
      for (std::size_t c = 0; c < cats; ++c) {
        sum[n * cats + c] =
            decay * sum[n * cats + c] +
            (seen ? panel.count(t, static_cast<std::int64_t>(n), static_cast<std::int64_t>(c)) : 0);
      }
    }
  }
}

void ExponentialMean::mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
                           float* out) {
  const std::int64_t cells = panel.num_nodes * panel.num_categories;
  std::copy_n(mean_.data() + origin * cells, cells, out);
  repeat_first_step(out, cells, horizon);
}

}  // namespace precinct::models
