// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/ewma.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

namespace precinct::data {
namespace {

/// Sums and weights of one kind of series [units, C, HL].
class Means {
 public:
  Means(std::int64_t units, std::int64_t categories, const std::vector<double>& decay)
      : decay_(decay),
        width_(static_cast<std::size_t>(categories) * decay.size()),
        sum_(static_cast<std::size_t>(units) * width_, 0),
        weight_(static_cast<std::size_t>(units) * decay.size(), 0) {}
  /// Takes one bin of one unit in; `count(c)` is its count of category c.
  template <typename Count>
  void add(std::int64_t unit, Count count) {
    const std::size_t lives = decay_.size(), base = static_cast<std::size_t>(unit) * width_;
    for (std::size_t l = 0; l < lives; ++l) {
      double& weight = weight_[static_cast<std::size_t>(unit) * lives + l];
      weight = weight * decay_[l] + 1;
    }
    for (std::size_t first = 0, c = 0; first < width_; first += lives, ++c) {
      const double counted = count(static_cast<std::int64_t>(c));
      for (std::size_t l = 0; l < lives; ++l) {
        double& sum = sum_[base + first + l];
        sum = sum * decay_[l] + counted;
      }
    }
  }
  double mean(std::int64_t unit, std::size_t i) const {
    const double weight =
        weight_[static_cast<std::size_t>(unit) * decay_.size() + i % decay_.size()];
    return weight > 0 ? sum_[static_cast<std::size_t>(unit) * width_ + i] / weight : 0;
  }
  std::size_t width() const { return width_; }

 private:
  const std::vector<double>& decay_;
  std::size_t width_;
  std::vector<double> sum_, weight_;
};

}  // namespace

EwmaSeries compute_ewma(const Panel& panel, const std::vector<double>& half_lives_days) {
  const std::int64_t nodes = panel.num_nodes, categories = panel.num_categories;
  std::vector<double> decay;
  decay.reserve(half_lives_days.size());
  for (const double days : half_lives_days)
    decay.push_back(std::exp2(-1.0 / panel.axis.bins_in_days(days)));
  std::map<std::string, std::int64_t> groups;
  std::vector<std::int64_t> group;
  for (const Node& node : panel.nodes)
    group.push_back(
        groups.emplace(node.parent, static_cast<std::int64_t>(groups.size())).first->second);
  const auto num_groups = static_cast<std::int64_t>(groups.size());
  const bool has_groups = num_groups > 1 && num_groups < nodes;

  EwmaSeries series;
  for (const char* kind : {"node", "total", "group"}) {
    if (std::string_view(kind) == "group" && !has_groups) continue;
    for (const Category& category : panel.categories) {
      for (const double days : half_lives_days)
        series.names.push_back(fmt::format("{}/{}/{:g}d", kind, category.code, days));
    }
  }
  series.num_features = static_cast<std::int64_t>(series.names.size());
  series.values.reserve(
      static_cast<std::size_t>((panel.num_bins + 1) * nodes * series.num_features));
  Means own(nodes, categories, decay), total(1, categories, decay),
      grouped(has_groups ? num_groups : 0, categories, decay);
  std::vector<double> sums(static_cast<std::size_t>(num_groups * categories)),
      sizes(static_cast<std::size_t>(num_groups));
  for (std::int64_t e = 0; e <= panel.num_bins; ++e) {
    for (std::int64_t n = 0; n < nodes; ++n) {
      const auto push = [&](const Means& means, std::int64_t unit) {
        for (std::size_t i = 0; i < means.width(); ++i)
          series.values.push_back(static_cast<float>(std::log1p(means.mean(unit, i))));
      };
      push(own, n);
      push(total, 0);
      if (has_groups) push(grouped, group[static_cast<std::size_t>(n)]);
    }
    if (e == panel.num_bins) break;
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(sizes.begin(), sizes.end(), 0.0);
    for (std::int64_t n = 0; n < nodes; ++n) {
      if (!panel.is_observed(e, n)) continue;
      own.add(n, [&](std::int64_t c) { return static_cast<double>(panel.count(e, n, c)); });
      const auto g = static_cast<std::size_t>(group[static_cast<std::size_t>(n)]);
      sizes[g] += 1;
      for (std::int64_t c = 0; c < categories; ++c)
        sums[g * static_cast<std::size_t>(categories) + static_cast<std::size_t>(c)] +=
            panel.count(e, n, c);
    }
    double all = 0;
    std::vector<double> all_sums(static_cast<std::size_t>(categories), 0);
    for (std::size_t g = 0; g < sizes.size(); ++g) {
      all += sizes[g];
      for (std::size_t c = 0; c < all_sums.size(); ++c)
        all_sums[c] += sums[g * all_sums.size() + c];
      if (has_groups && sizes[g] > 0) {
        grouped.add(static_cast<std::int64_t>(g), [&](std::int64_t c) {
          return sums[g * all_sums.size() + static_cast<std::size_t>(c)] / sizes[g];
        });
      }
    }
    if (all > 0)
      total.add(0, [&](std::int64_t c) { return all_sums[static_cast<std::size_t>(c)] / all; });
  }
  return series;
}

}  // namespace precinct::data
