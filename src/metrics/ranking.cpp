// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/ranking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace precinct::metrics {

std::int64_t ranked_count(double fraction, std::int64_t num_nodes) {
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::floor(fraction * static_cast<double>(num_nodes) + 0.5)));
}

std::vector<std::int64_t> largest(std::span<const double> values, std::int64_t k) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  k = std::min<std::int64_t>(k, static_cast<std::int64_t>(order.size()));
  std::partial_sort(order.begin(), order.begin() + k, order.end(),
                    [&](std::int64_t a, std::int64_t b) {
                      const double x = values[static_cast<std::size_t>(a)],
                                   y = values[static_cast<std::size_t>(b)];
                      return x > y || (x == y && a < b);
                    });
  order.resize(static_cast<std::size_t>(k));
  return order;
}

void RankingSums::add(std::span<const double> mean, std::span<const double> count,
                      std::span<const double> area_km2, double fraction) {
  const auto n = static_cast<std::int64_t>(mean.size());
  const std::int64_t k = ranked_count(fraction, n);
  steps_ += 1;
  share_ += static_cast<double>(k) / static_cast<double>(n);
  total_ += std::accumulate(count.begin(), count.end(), 0.0);
  for (const std::int64_t i : largest(mean, k)) hits_ += count[static_cast<std::size_t>(i)];
  std::vector<double> sorted(count.begin(), count.end());
  std::partial_sort(sorted.begin(), sorted.begin() + k, sorted.end(), std::greater<>());
  best_ += std::accumulate(sorted.begin(), sorted.begin() + k, 0.0);
  const double area = std::accumulate(area_km2.begin(), area_km2.end(), 0.0);
  if (!(area > 0)) return;
  std::vector<double> density(mean.size());
  for (std::size_t i = 0; i < mean.size(); ++i) density[i] = mean[i] / std::max(area_km2[i], 1e-9);
  double chosen = 0;
  for (const std::int64_t i : largest(density, n)) {
    const auto at = static_cast<std::size_t>(i);
    if (chosen + area_km2[at] > fraction * area) continue;
    chosen += area_km2[at];
    area_hits_ += count[at];
  }
  area_share_ += chosen / area;
}

void RankingSums::merge(const RankingSums& o) {
  steps_ += o.steps_;
  hits_ += o.hits_;
  best_ += o.best_;
  total_ += o.total_;
  share_ += o.share_;
  area_hits_ += o.area_hits_;
  area_share_ += o.area_share_;
}

std::map<std::string, double> ranking_figures(std::span<const RankingSums> categories,
                                              double fraction) {
  double count = 0, pai = 0, pei = 0, hits = 0, km2 = 0;
  bool has_area = true;
  for (const RankingSums& sums : categories) {
    if (sums.total() == 0) continue;
    count += 1;
    pai += sums.pai();
    pei += sums.pei();
    hits += sums.hit_rate();
    km2 += sums.pai_km2();
    has_area = has_area && sums.has_area();
  }
  if (count == 0) return {};
  const std::string suffix = fmt::format("@{:g}%", 100 * fraction);
  std::map<std::string, double> figures = {{"PAI" + suffix, pai / count},
                                           {"PEI" + suffix, pei / count},
                                           {"hit_rate" + suffix, hits / count}};
  if (has_area) figures["PAI_km2" + suffix] = km2 / count;
  return figures;
}

}  // namespace precinct::metrics
