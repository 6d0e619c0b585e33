// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/gamma_poisson.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "base/error.h"
#include "data/features/dispersion.h"
#include "data/graph/spatial_graph.h"

namespace precinct::data {
namespace {

constexpr double kSeasonDiscount = 0.998;  // per occurrence of a season
constexpr double kSeasonPseudoCount = 3;   // occurrences

/// What the recursion needs of a panel, made once for a search.
struct Series {
  explicit Series(const Panel& panel)
      : num_bins(panel.num_bins),
        num_nodes(panel.num_nodes),
        num_categories(panel.num_categories),
        num_seasons(panel.axis.num_seasons()),
        counts(panel.counts.to_double()),
        graph(SpatialGraph::from_edges(panel.graph, panel.num_nodes)),
        observed(panel.observed),
        slow_half_life(panel.axis.spec().kind == BinKind::kMonth ? 12.0
                                                                 : panel.axis.bins_in_days(365)) {
    for (std::int64_t t = 0; t < num_bins; ++t) season.push_back(panel.axis.season_of(t));
    std::map<std::string, int> groups;
    for (const Node& node : panel.nodes)
      group.push_back(groups.emplace(node.parent, static_cast<int>(groups.size())).first->second);
    num_groups = static_cast<int>(groups.size());
    group_size.assign(static_cast<std::size_t>(num_groups), 0);
    for (const int g : group) ++group_size[static_cast<std::size_t>(g)];
    total.assign(static_cast<std::size_t>(num_bins * num_categories), 0);
    is_seen.assign(static_cast<std::size_t>(num_bins), 0);
    for (std::int64_t t = 0; t < num_bins; ++t) {
      for (std::int64_t n = 0; n < num_nodes; ++n) {
        if (!is_observed(t, n)) continue;
        is_seen[static_cast<std::size_t>(t)] = 1;
        for (std::int64_t c = 0; c < num_categories; ++c)
          total[static_cast<std::size_t>(t * num_categories + c)] += counts[cell(t, n, c)];
      }
    }
  }
  std::size_t cell(std::int64_t t, std::int64_t n, std::int64_t c) const {
    return static_cast<std::size_t>((t * num_nodes + n) * num_categories + c);
  }
  bool is_observed(std::int64_t t, std::int64_t n) const {
    return observed.empty() || observed[static_cast<std::size_t>(t * num_nodes + n)] != 0;
  }
  std::int64_t num_bins, num_nodes, num_categories;
  int num_seasons;
  std::vector<double> counts;  // [T, N, C]
  SpatialGraph graph;
  std::vector<std::uint8_t> observed;
  double slow_half_life;
  std::vector<int> season, group;
  std::vector<std::int64_t> group_size;
  int num_groups = 0;
  std::vector<double> total;          // [T, C], over observed nodes
  std::vector<std::uint8_t> is_seen;  // [T], 1 when a node was observed
};

double ratio(double a, double b) { return b > 0 ? a / b : 1.0; }  // 0/0 is 1

/// State of the recursion after the bins before `origin`.
class Recursion {
 public:
  Recursion(const Series& series, const GammaPoissonConstants& constants)
      : s_(series),
        k_(constants),
        nodes_(static_cast<std::size_t>(series.num_nodes)),
        cats_(static_cast<std::size_t>(series.num_categories)),
        seasons_(static_cast<std::size_t>(series.num_seasons)),
        lambda_(std::exp2(-1 / constants.half_life)),
        lambda_level_(std::exp2(-1 / constants.level_half_life)),
        lambda_slow_(std::exp2(-1 / series.slow_half_life)),
        lambda_season_(constants.season_half_life ? std::exp2(-1 / *constants.season_half_life)
                                                  : 1.0) {
    n_.assign(nodes_ * cats_, 0);
    d_.assign(nodes_ * cats_, 0);
    theta.assign(nodes_ * cats_, 1);
    level_sum_.assign(cats_, 0);
    slow_sum_.assign(cats_, 0);
    ratio_sum_.assign(seasons_ * cats_, 0);
    ratio_weight_.assign(seasons_ * cats_, 0);
    occurrences_.assign(seasons_, 0);
    factor.assign(seasons_ * cats_, 1);
    sn_.assign(seasons_ * nodes_ * cats_, 0);
    sd_.assign(seasons_ * nodes_ * cats_, 0);
    level.assign(cats_, 0);
    update_theta();
  }

  std::vector<double> theta;   // [N, C], known at the origin
  std::vector<double> level;   // [C]
  std::vector<double> factor;  // [S, C]

  /// Node-season factor of a season, as known now.
  double q(int season, std::size_t cell) const {
    if (!k_.season_prior || s_.num_seasons == 1) return 1.0;
    const std::size_t at = static_cast<std::size_t>(season) * nodes_ * cats_ + cell;
    return ratio(*k_.season_prior + sn_[at], *k_.season_prior + sd_[at]);
  }

  /// Takes in bin t; the state is then that of origin t + 1. A bin in which no node was observed
  /// is a gap, not a bin without incidents: it ages what is known and adds nothing.
  void advance(std::int64_t t) {
    const auto season = static_cast<std::size_t>(s_.season[static_cast<std::size_t>(t)]);
    const bool seen = s_.is_seen[static_cast<std::size_t>(t)] != 0;
    const double nodes = static_cast<double>(s_.num_nodes);
    for (std::size_t c = 0; c < cats_; ++c) {
      const double y = s_.total[static_cast<std::size_t>(t) * cats_ + c];
      update_season_factor(season, c, y, seen);
      level_sum_[c] =
          lambda_level_ * level_sum_[c] + y / std::max(factor[season * cats_ + c], 1e-6);
      for (std::size_t n = 0; n < nodes_; ++n) {
        const std::size_t cell = n * cats_ + c;
        n_[cell] *= lambda_;
        d_[cell] *= lambda_;
        if (!s_.is_observed(t, static_cast<std::int64_t>(n))) continue;
        const double count = s_.counts[static_cast<std::size_t>(t) * nodes_ * cats_ + cell];
        const std::size_t at = season * nodes_ * cats_ + cell;
        sn_[at] = kSeasonDiscount * sn_[at] + count;
        sd_[at] = kSeasonDiscount * sd_[at] + theta[cell] * y / nodes;
        n_[cell] += count;
        d_[cell] += y / nodes;
      }
    }
    occurrences_[season] += seen ? 1 : 0;
    level_weight_ = lambda_level_ * level_weight_ + (seen ? 1 : 0);
    slow_weight_ = lambda_slow_ * slow_weight_ + (seen ? 1 : 0);
    for (std::size_t c = 0; c < cats_ && level_weight_ > 0; ++c)
      level[c] = level_sum_[c] / level_weight_;
    update_theta();
  }

 private:
  /// F[s] = average of y / slow level over the season's occurrences, shrunk to the mean over all.
  void update_season_factor(std::size_t season, std::size_t c, double y, bool seen) {
    slow_sum_[c] = lambda_slow_ * slow_sum_[c] + y;
    const double slow = seen ? slow_sum_[c] / (lambda_slow_ * slow_weight_ + 1) : 0;
    for (std::size_t s = 0; s < seasons_ && lambda_season_ < 1; ++s) {
      ratio_sum_[s * cats_ + c] *= lambda_season_;
      ratio_weight_[s * cats_ + c] *= lambda_season_;
    }
    if (slow > 0) {
      ratio_sum_[season * cats_ + c] += y / slow;
      ratio_weight_[season * cats_ + c] += 1;
    }
    if (s_.num_seasons == 1) return;
    double sum = 0, weight = 0;
    for (std::size_t s = 0; s < seasons_; ++s) {
      sum += ratio_sum_[s * cats_ + c];
      weight += ratio_weight_[s * cats_ + c];
    }
    const double mean = weight > 0 ? sum / weight : 1.0;
    for (std::size_t s = 0; s < seasons_; ++s) {
      const bool twice = occurrences_[s] + (seen && s == season ? 1 : 0) >= 2;
      factor[s * cats_ + c] = twice ? (ratio_sum_[s * cats_ + c] + kSeasonPseudoCount * mean) /
                                          (ratio_weight_[s * cats_ + c] + kSeasonPseudoCount)
                                    : 1.0;
    }
  }

  void update_theta() {
    std::vector<double> group_sum(
        k_.group_weight > 0 ? static_cast<std::size_t>(s_.num_groups) * cats_ : 0, 0);
    if (k_.group_weight > 0) {
      for (std::size_t n = 0; n < nodes_; ++n) {
        for (std::size_t c = 0; c < cats_; ++c)
          group_sum[static_cast<std::size_t>(s_.group[n]) * cats_ + c] += n_[n * cats_ + c];
      }
    }
    for (std::size_t n = 0; n < nodes_; ++n) {
      double n_all = 0, d_all = 0;
      for (std::size_t c = 0; c < cats_; ++c) {
        n_all += n_[n * cats_ + c];
        d_all += d_[n * cats_ + c];
      }
      const auto begin = static_cast<std::size_t>(s_.graph.row[n]),
                 end = static_cast<std::size_t>(s_.graph.row[n + 1]);
      for (std::size_t c = 0; c < cats_; ++c) {
        const double d = d_[n * cats_ + c];
        double m = 1 - k_.category_weight + k_.category_weight * ratio(n_all, d_all);
        if (k_.group_weight > 0) {
          const auto g = static_cast<std::size_t>(s_.group[n]);
          m = (1 - k_.group_weight) * m +
              k_.group_weight *
                  ratio(group_sum[g * cats_ + c] / static_cast<double>(s_.group_size[g]), d);
        }
        if (end > begin && k_.neighbour_weight > 0) {
          double around = 0;
          for (std::size_t e = begin; e < end; ++e)
            around += n_[static_cast<std::size_t>(s_.graph.neighbour[e]) * cats_ + c];
          m = (1 - k_.neighbour_weight) * m +
              k_.neighbour_weight * ratio(around / static_cast<double>(end - begin), d);
        }
        theta[n * cats_ + c] = ratio(k_.prior * m + n_[n * cats_ + c], k_.prior + d);
      }
    }
  }

  const Series& s_;
  const GammaPoissonConstants& k_;
  std::size_t nodes_, cats_, seasons_;
  double lambda_, lambda_level_, lambda_slow_, lambda_season_;
  double level_weight_ = 0, slow_weight_ = 0;
  std::vector<double> n_, d_, level_sum_, slow_sum_, ratio_sum_, ratio_weight_, sn_, sd_;
  std::vector<std::int64_t> occurrences_;
};

/// One-step means of the bins of `range`, in order [t, n, c]; unobserved cells are left out by the
/// caller.
void one_step(const Series& series, const GammaPoissonConstants& constants, const BinRange& range,
              const std::function<void(std::int64_t bin, std::size_t cell, double mean)>& use) {
  Recursion recursion(series, constants);
  const double nodes = static_cast<double>(series.num_nodes);
  const auto cells = static_cast<std::size_t>(series.num_nodes * series.num_categories);
  const auto cats = static_cast<std::size_t>(series.num_categories);
  for (std::int64_t t = 0; t < range.end; ++t) {
    if (t >= range.begin) {
      const int season = series.season[static_cast<std::size_t>(t)];
      for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::size_t c = cell % cats;
        const double mean = recursion.theta[cell] * recursion.level[c] / nodes *
                            recursion.factor[static_cast<std::size_t>(season) * cats + c] *
                            recursion.q(season, cell);
        if (series.is_observed(t, static_cast<std::int64_t>(cell / cats)))
          use(t, cell, std::max(mean, 1e-4));
      }
    }
    if (t + 1 < range.end) recursion.advance(t);
  }
}

struct Grids {
  std::vector<double> half_life, level_half_life;
  std::vector<std::optional<double>> season_half_life;
};

Grids make_grids(const BinAxis& axis) {
  if (axis.spec().kind == BinKind::kMonth)
    return {{9, 15, 24, 36, 60}, {1.5, 3, 6, 12}, {std::nullopt, 60.0}};
  const auto bins = [&](std::vector<double> days) {
    for (double& d : days) d = axis.bins_in_days(d);
    return days;
  };
  if (axis.spec().kind == BinKind::kWeek)
    return {{6, 12, 26, 52, 1e4}, {2, 4, 8, 16}, {std::nullopt, axis.bins_in_days(180)}};
  return {bins({60, 120, 240, 480, 1e4}),
          bins({7, 14, 28, 56, 112}),
          {std::nullopt, axis.bins_in_days(180)}};
}

}  // namespace

GammaPoissonSeries::GammaPoissonSeries(const Panel& panel, const GammaPoissonConstants& constants)
    : constants_(constants),
      axis_(panel.axis),
      num_bins_(panel.num_bins),
      num_nodes_(panel.num_nodes),
      num_categories_(panel.num_categories),
      num_seasons_(panel.axis.num_seasons()) {
  const Series series(panel);
  Recursion recursion(series, constants_);
  const auto cells = static_cast<std::size_t>(num_nodes_ * num_categories_);
  const auto append = [](std::vector<float>& to, const std::vector<double>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (std::int64_t t = 0; t <= num_bins_; ++t) {
    append(theta_, recursion.theta);
    append(level_, recursion.level);
    append(season_, recursion.factor);
    if (t == num_bins_) break;
    recursion.advance(t);
    const int season = series.season[static_cast<std::size_t>(t)];
    for (std::size_t cell = 0; cell < cells; ++cell)
      q_after_.push_back(static_cast<float>(recursion.q(season, cell)));
  }
}

void GammaPoissonSeries::mean(std::int64_t origin, std::int64_t horizon, float* out) const {
  PRECINCT_CHECK(origin >= 0 && origin <= num_bins_, ShapeError,
                 "gamma-Poisson: expected an origin in 0..{}, found {}", num_bins_, origin);
  const std::int64_t cells = num_nodes_ * num_categories_;
  const float* theta = theta_.data() + origin * cells;
  const float* level = level_.data() + origin * num_categories_;
  for (std::int64_t h = 0; h < horizon; ++h) {
    const int season = axis_.season_of(origin + h);
    const float* factor = season_.data() + (origin * num_seasons_ + season) * num_categories_;
    // The last bin before the origin with this season holds the season's q.
    const float* q = nullptr;
    for (std::int64_t back = 1; back <= 2 * num_seasons_ && origin - back >= 0 && num_seasons_ > 1;
         ++back) {
      if (axis_.season_of(origin - back) != season) continue;
      q = q_after_.data() + (origin - back) * cells;
      break;
    }
    for (std::int64_t cell = 0; cell < cells; ++cell) {
      const std::int64_t c = cell % num_categories_;
      out[h * cells + cell] = theta[cell] * level[c] / static_cast<float>(num_nodes_) * factor[c] *
                              (q != nullptr ? q[cell] : 1.0F);
    }
  }
}

GammaPoissonConstants choose_gamma_poisson(const Panel& panel, const BinRange& validation) {
  PRECINCT_CHECK(validation.size() > 0 && validation.end <= panel.num_bins, ConfigError,
                 "gamma-Poisson: expected validation bins inside 0..{}, found {}..{}",
                 panel.num_bins, validation.begin, validation.end);
  const Series series(panel);
  const Grids grids = make_grids(panel.axis);
  const BinRange range{std::max<std::int64_t>(0, validation.begin - 3 * validation.size()),
                       validation.end};
  const auto loss = [&](const GammaPoissonConstants& constants) {
    double sum = 0;
    const auto cells = static_cast<std::size_t>(series.num_nodes * series.num_categories);
    one_step(series, constants, range, [&](std::int64_t t, std::size_t cell, double mean) {
      sum += mean - series.counts[static_cast<std::size_t>(t) * cells + cell] * std::log(mean);
    });
    return sum;
  };
  GammaPoissonConstants best;
  best.half_life = grids.half_life[2];
  best.level_half_life = grids.level_half_life[1];
  if (series.num_seasons == 1) best.season_prior.reset();
  double best_loss = loss(best);
  const auto try_values = [&](const auto& values, auto&& set) {
    const GammaPoissonConstants start = best;
    for (const auto& value : values) {
      GammaPoissonConstants candidate = start;
      set(candidate, value);
      const double candidate_loss = loss(candidate);
      if (candidate_loss < best_loss) {
        best_loss = candidate_loss;
        best = candidate;
      }
    }
  };
  using Constants = GammaPoissonConstants;
  const std::vector<double> priors = {.25, .5, 1, 2, 4, 8, 16, 32}, wn = {0, .15, .3, .5, .7},
                            wc = {0, .2, .4, .7}, wg = {0, .3, .6};
  const std::vector<std::optional<double>> season_priors = {30.0, 100.0, 300.0, std::nullopt};
  const bool has_groups =
      series.num_groups > 1 && series.num_groups < static_cast<int>(series.num_nodes);
  for (int round = 0; round < 2; ++round) {
    try_values(grids.half_life, [](Constants& k, double v) { k.half_life = v; });
    try_values(priors, [](Constants& k, double v) { k.prior = v; });
    if (!panel.graph.kind.empty())
      try_values(wn, [](Constants& k, double v) { k.neighbour_weight = v; });
    if (series.num_categories > 1)
      try_values(wc, [](Constants& k, double v) { k.category_weight = v; });
    if (has_groups) try_values(wg, [](Constants& k, double v) { k.group_weight = v; });
    try_values(grids.level_half_life, [](Constants& k, double v) { k.level_half_life = v; });
    if (series.num_seasons > 1) {
      try_values(grids.season_half_life,
                 [](Constants& k, const std::optional<double>& v) { k.season_half_life = v; });
      try_values(season_priors,
                 [](Constants& k, const std::optional<double>& v) { k.season_prior = v; });
    }
  }
  const auto cats = static_cast<std::size_t>(series.num_categories);
  const auto cells = static_cast<std::size_t>(series.num_nodes) * cats;
  std::vector<std::vector<double>> means(cats), counts(cats);
  one_step(series, best, validation, [&](std::int64_t t, std::size_t cell, double mean) {
    means[cell % cats].push_back(mean);
    counts[cell % cats].push_back(series.counts[static_cast<std::size_t>(t) * cells + cell]);
  });
  for (std::size_t c = 0; c < cats; ++c)
    best.dispersion.push_back(fit_dispersion(means[c], counts[c]));
  return best;
}

}  // namespace precinct::data
