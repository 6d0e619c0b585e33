// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "metrics/accumulator.h"
#include "metrics/ranking.h"

namespace precinct::metrics {
namespace {

constexpr std::array kFractions = {0.01, 0.05, 0.10};

/// Scales of MASE: mean absolute difference to the count one season before, over the training
/// range.
struct SeasonalScale {
  double total = 0;
  std::vector<double> category, district;  // [C], [N]
};

/// Bins in a season: a year of months or weeks, else a week.
std::int64_t season_length(const BinSpec& spec) {
  if (spec.kind == BinKind::kMonth) return 12;
  return spec.kind == BinKind::kWeek ? 52 : 7 * spec.bins_per_day();
}

SeasonalScale seasonal_scale(const data::Panel& panel, const data::BinRange& training) {
  const std::int64_t season = season_length(panel.axis.spec());
  SeasonalScale scale;
  scale.category.resize(static_cast<std::size_t>(panel.num_categories));
  scale.district.resize(static_cast<std::size_t>(panel.num_nodes));
  std::vector<double> steps(scale.district.size());  // observed steps of a district
  double all_steps = 0;
  for (std::int64_t t = training.begin + season; t < training.end; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      if (!panel.is_observed(t, n) || !panel.is_observed(t - season, n)) continue;
      steps[static_cast<std::size_t>(n)] += 1;
      all_steps += 1;
      for (std::int64_t c = 0; c < panel.num_categories; ++c) {
        const double apart = std::abs(static_cast<double>(panel.count(t, n, c)) -
                                      static_cast<double>(panel.count(t - season, n, c)));
        scale.total += apart;
        scale.category[static_cast<std::size_t>(c)] += apart;
        scale.district[static_cast<std::size_t>(n)] += apart;
      }
    }
  }
  if (all_steps == 0) return scale;
  const auto categories = static_cast<double>(panel.num_categories);
  scale.total /= all_steps * categories;
  for (double& x : scale.category) x /= all_steps;
  for (std::size_t n = 0; n < steps.size(); ++n)
    if (steps[n] > 0) scale.district[n] /= steps[n] * categories;
  return scale;
}

/// Ranking of the observed districts of every step, in total, by horizon and by category.
void add_ranking(const data::Panel& panel, const data::BinRange& range,
                 const models::Forecast& forecast, ForecasterScores& scores) {
  const auto categories = static_cast<std::size_t>(panel.num_categories);
  for (const double fraction : kFractions) {
    std::vector<RankingSums> total(categories);
    for (std::int64_t h = 0; h < forecast.horizon; ++h) {
      std::vector<RankingSums> sums(categories);
      for (std::size_t o = 0; o < forecast.origins.size(); ++o) {
        const std::int64_t target = forecast.origins[o] + h;
        if (!range.contains(target)) continue;
        std::vector<std::int64_t> nodes;
        std::vector<double> area;
        for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
          if (!panel.is_observed(target, n)) continue;
          nodes.push_back(n);
          area.push_back(panel.nodes[static_cast<std::size_t>(n)].area_km2);
        }
        if (nodes.empty()) continue;
        std::vector<double> mean(nodes.size()), count(nodes.size());
        for (std::size_t c = 0; c < categories; ++c) {
          const auto category = static_cast<std::int64_t>(c);
          for (std::size_t i = 0; i < nodes.size(); ++i) {
            mean[i] = forecast.mean[static_cast<std::size_t>(
                forecast.index(static_cast<std::int64_t>(o), h, nodes[i], category))];
            count[i] = panel.count(target, nodes[i], category);
          }
          sums[c].add(mean, count, area, fraction);
        }
      }
      scores.per_horizon[static_cast<std::size_t>(h)].merge(ranking_figures(sums, fraction));
      for (std::size_t c = 0; c < categories; ++c) total[c].merge(sums[c]);
    }
    scores.total.merge(ranking_figures(total, fraction));
    for (std::size_t c = 0; c < categories; ++c)
      scores.per_category[c].merge(ranking_figures(std::span(total).subspan(c, 1), fraction));
  }
}

ForecasterScores score(const data::Panel& panel, const data::BinRange& range,
                       const SeasonalScale& scale, const NamedForecast& named,
                       std::int64_t& num_cells) {
  const models::Forecast& f = named.forecast;
  const bool distribution = f.family != models::Family::kPoint;
  ForecasterScores scores;
  scores.name = named.name;
  scores.is_baseline = named.is_baseline;
  scores.choice = named.choice;
  scores.family = family_name(f.family);
  scores.score = distribution ? "NLL" : "MSE";
  Accumulator total, masked;
  std::vector<Accumulator> horizon(static_cast<std::size_t>(f.horizon)),
      category(static_cast<std::size_t>(f.num_categories)),
      district(static_cast<std::size_t>(f.num_nodes));
  for (std::size_t o = 0; o < f.origins.size(); ++o) {
    double nll = 0, squared = 0;
    for (std::int64_t h = 0; h < f.horizon; ++h) {
      const std::int64_t target = f.origins[o] + h;
      if (!range.contains(target)) continue;
      for (std::int64_t n = 0; n < f.num_nodes; ++n) {
        if (!panel.is_observed(target, n)) continue;
        for (std::int64_t c = 0; c < f.num_categories; ++c) {
          const auto i = static_cast<std::size_t>(f.index(static_cast<std::int64_t>(o), h, n, c));
          const double dispersion = f.dispersion.empty() ? 0.0 : f.dispersion[i];
          PRECINCT_CHECK(std::isfinite(f.mean[i]) && std::isfinite(dispersion), NumericError,
                         "evaluation: {}: bin {}, district {}, category {}: expected finite "
                         "parameters, found mean {} and dispersion {}; train it again",
                         named.name, target, panel.nodes[static_cast<std::size_t>(n)].code,
                         panel.categories[static_cast<std::size_t>(c)].code, f.mean[i], dispersion);
          const double mean = std::max<double>(f.mean[i], 1e-4);
          const std::uint32_t y = panel.count(target, n, c);
          const CellScores cell = score_cell(f.family, mean, dispersion, y);
          total.add(mean, y, cell);
          if (y > 0) masked.add(mean, y, cell);
          horizon[static_cast<std::size_t>(h)].add(mean, y, cell);
          category[static_cast<std::size_t>(c)].add(mean, y, cell);
          district[static_cast<std::size_t>(n)].add(mean, y, cell);
          nll += cell.nll;
          squared += (mean - y) * (mean - y);
        }
      }
    }
    scores.nll_per_origin.push_back(nll);
    scores.squared_per_origin.push_back(squared);
  }
  num_cells = static_cast<std::int64_t>(total.num_cells());
  scores.total = total.figures(distribution, scale.total);
  scores.masked = masked.figures(distribution);
  scores.pit = total.pit_histogram();
  for (const auto& a : horizon) scores.per_horizon.push_back(a.figures(distribution, scale.total));
  for (std::size_t c = 0; c < category.size(); ++c)
    scores.per_category.push_back(category[c].figures(distribution, scale.category[c]));
  for (std::size_t n = 0; n < district.size(); ++n)
    scores.per_district.push_back(district[n].figures(distribution, scale.district[n]));
  add_ranking(panel, range, f, scores);
  return scores;
}

/// Skill against the reference, by NLL where both have a distribution and by squared error else.
void compare(Evaluation& evaluation, std::int64_t stride) {
  const ForecasterScores* reference = nullptr;
  for (const auto& f : evaluation.forecasters) {
    if (f.name == evaluation.reference) reference = &f;
  }
  if (reference == nullptr) return;
  const std::int64_t block = (evaluation.bootstrap_block + stride - 1) / stride;  // in origins
  for (auto& f : evaluation.forecasters) {
    if (&f == reference) {
      f.verdict = "the reference";
      continue;
    }
    const bool by_nll = f.score == "NLL" && reference->score == "NLL";
    f.score = by_nll ? "NLL" : "MSE";
    f.skill = block_bootstrap(by_nll ? f.nll_per_origin : f.squared_per_origin,
                              by_nll ? reference->nll_per_origin : reference->squared_per_origin,
                              block, evaluation.bootstrap_replicates, evaluation.bootstrap_seed);
    if (f.skill.holds_zero()) {
      f.verdict = fmt::format("no better than {}", evaluation.reference);
    } else {
      f.verdict =
          fmt::format("{} than {}", f.skill.value > 0 ? "better" : "worse", evaluation.reference);
    }
  }
}

/// Bins in a block of the bootstrap: 7 days, 4 weeks or 1 month.
std::int64_t default_block(const BinSpec& spec) {
  if (spec.kind == BinKind::kMonth) return 1;
  return spec.kind == BinKind::kWeek ? 4 : 7 * spec.bins_per_day();
}

}  // namespace

std::string family_name(models::Family family) {
  switch (family) {
    case models::Family::kPoint:
      return "point";
    case models::Family::kPoisson:
      return "poisson";
    case models::Family::kNegativeBinomial2:
      return "negative_binomial";
  }
  return "";
}

std::vector<std::int64_t> evaluation_origins(const data::BinRange& range, std::int64_t horizon,
                                             std::int64_t stride, std::int64_t first_possible) {
  std::vector<std::int64_t> origins;
  for (std::int64_t e = std::max(first_possible, range.begin - horizon + 1); e < range.end;
       e += stride)
    origins.push_back(e);
  return origins;
}

Evaluation evaluate(const data::Panel& panel, const data::BinRange& range,
                    const std::string& range_name, const data::BinRange& training,
                    const std::vector<NamedForecast>& forecasts,
                    const config::EvaluateConfig& config) {
  PRECINCT_CHECK(!forecasts.empty() && !forecasts[0].forecast.origins.empty(), DataError,
                 "evaluation: expected forecasts from at least one origin in bins {}..{}, found "
                 "none; the range is too short",
                 range.begin, range.end);
  Evaluation evaluation;
  evaluation.range = range;
  evaluation.range_name = range_name;
  evaluation.horizon = forecasts[0].forecast.horizon;
  evaluation.reference = config.reference;
  evaluation.bootstrap_block =
      config.bootstrap_block > 0 ? config.bootstrap_block : default_block(panel.axis.spec());
  evaluation.bootstrap_replicates = config.bootstrap_replicates;
  evaluation.bootstrap_seed = config.bootstrap_seed;
  for (const auto& c : panel.categories) evaluation.categories.push_back(c.code);
  for (const auto& n : panel.nodes) evaluation.districts.push_back(n.code);
  const SeasonalScale scale = seasonal_scale(panel, training);
  for (const auto& named : forecasts) {
    PRECINCT_CHECK(named.forecast.origins == forecasts[0].forecast.origins &&
                       named.forecast.horizon == evaluation.horizon &&
                       named.forecast.num_nodes == panel.num_nodes &&
                       named.forecast.num_categories == panel.num_categories,
                   ShapeError,
                   "evaluation: {}: expected the same origins and horizon as {}, found others; "
                   "every forecaster is scored on the same cells",
                   named.name, forecasts[0].name);
    evaluation.forecasters.push_back(score(panel, range, scale, named, evaluation.num_cells));
  }
  compare(evaluation, std::max<std::int64_t>(config.stride, 1));
  return evaluation;
}

const ForecasterScores& Evaluation::get(const std::string& name) const {
  for (const auto& f : forecasters) {
    if (f.name == name) return f;
  }
  throw ConfigError(
      fmt::format("evaluation: expected a forecaster '{}', found none of that name", name));
}

const ForecasterScores* Evaluation::picked() const {
  const ForecasterScores* best = nullptr;
  for (const auto& f : forecasters) {
    if (!f.choice) continue;
    // a squared error and a likelihood have no common scale
    if (best != nullptr && (f.choice->metric != best->choice->metric ||
                            (f.family == "point") != (best->family == "point")))
      return nullptr;
    if (best == nullptr || f.choice->value < best->choice->value) best = &f;
  }
  return best;
}

}  // namespace precinct::metrics
