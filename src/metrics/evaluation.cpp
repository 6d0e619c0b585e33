// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "metrics/accumulator.h"
#include "metrics/ranking.h"

namespace precinct::metrics {
namespace {

constexpr std::array kFractions = {0.01, 0.05, 0.10};

/// Scale of MASE: mean absolute difference to the count one season before, over the training range.
double seasonal_scale(const data::Panel& panel, const data::BinRange& training) {
  const auto kind = panel.axis.spec().kind;
  const std::int64_t season = kind == BinKind::kMonth  ? 12
                              : kind == BinKind::kWeek ? 52
                                                       : 7 * panel.axis.spec().bins_per_day();
  double sum = 0, cells = 0;
  for (std::int64_t t = training.begin + season; t < training.end; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      if (!panel.is_observed(t, n) || !panel.is_observed(t - season, n)) continue;
      for (std::int64_t c = 0; c < panel.num_categories; ++c) {
        sum += std::abs(static_cast<double>(panel.count(t, n, c)) -
                        static_cast<double>(panel.count(t - season, n, c)));
        cells += 1;
      }
    }
  }
  return cells > 0 ? sum / cells : 0;
}

/// Ranking figures: sums over steps, mean over categories.
void add_ranking(const data::Panel& panel, const data::BinRange& range,
                 const models::Forecast& forecast, Figures& total) {
  std::vector<double> area;
  for (const auto& node : panel.nodes) area.push_back(node.area_km2);
  const auto n = static_cast<std::size_t>(panel.num_nodes);
  for (const double fraction : kFractions) {
    double pai = 0, pei = 0, hits = 0, km2 = 0;
    for (std::int64_t c = 0; c < panel.num_categories; ++c) {
      RankingSums sums;
      std::vector<float> mean(n);
      std::vector<double> count(n);
      for (std::size_t o = 0; o < forecast.origins.size(); ++o) {
        for (std::int64_t h = 0; h < forecast.horizon; ++h) {
          const std::int64_t target = forecast.origins[o] + h;
          if (!range.contains(target)) continue;
          for (std::size_t i = 0; i < n; ++i) {
            const auto node = static_cast<std::int64_t>(i);
            mean[i] = forecast.mean[static_cast<std::size_t>(
                forecast.index(static_cast<std::int64_t>(o), h, node, c))];
            count[i] = panel.is_observed(target, node) ? panel.count(target, node, c) : 0;
          }
          sums.add(mean, count, area, fraction);
        }
      }
      pai += sums.pai();
      pei += sums.pei();
      hits += sums.hit_rate();
      km2 += sums.pai_km2();
    }
    const auto categories = static_cast<double>(panel.num_categories);
    const std::string suffix = fmt::format("@{:.0f}%", 100 * fraction);
    total["PAI" + suffix] = pai / categories;
    total["PEI" + suffix] = pei / categories;
    total["hit_rate" + suffix] = hits / categories;
    if (km2 > 0) total["PAI_km2" + suffix] = km2 / categories;
  }
}

ForecasterScores score(const data::Panel& panel, const data::BinRange& range, double scale,
                       const NamedForecast& named, std::int64_t& num_cells) {
  const models::Forecast& f = named.forecast;
  const bool distribution = f.family != models::Family::kPoint;
  ForecasterScores scores;
  scores.name = named.name;
  scores.is_baseline = named.is_baseline;
  scores.choice = named.choice;
  scores.family = family_name(f.family);
  scores.score = distribution ? "NLL" : "RMSE";
  Accumulator total, masked;
  std::vector<Accumulator> horizon(static_cast<std::size_t>(f.horizon)),
      category(static_cast<std::size_t>(f.num_categories)),
      district(static_cast<std::size_t>(f.num_nodes));
  for (std::size_t o = 0; o < f.origins.size(); ++o) {
    double origin_sum = 0;
    for (std::int64_t h = 0; h < f.horizon; ++h) {
      const std::int64_t target = f.origins[o] + h;
      if (!range.contains(target)) continue;
      for (std::int64_t n = 0; n < f.num_nodes; ++n) {
        if (!panel.is_observed(target, n)) continue;
        for (std::int64_t c = 0; c < f.num_categories; ++c) {
          const auto i = static_cast<std::size_t>(f.index(static_cast<std::int64_t>(o), h, n, c));
          const double mean = std::max<double>(f.mean[i], 1e-4),
                       dispersion = f.dispersion.empty() ? 0.0 : f.dispersion[i];
          const std::uint32_t y = panel.count(target, n, c);
          const CellScores cell = score_cell(f.family, mean, dispersion, y);
          total.add(mean, y, cell);
          if (y > 0) masked.add(mean, y, cell);
          horizon[static_cast<std::size_t>(h)].add(mean, y, cell);
          category[static_cast<std::size_t>(c)].add(mean, y, cell);
          district[static_cast<std::size_t>(n)].add(mean, y, cell);
          origin_sum += distribution ? cell.nll : (mean - y) * (mean - y);
        }
      }
    }
    scores.score_per_origin.push_back(origin_sum);
  }
  num_cells = static_cast<std::int64_t>(total.num_cells());
  scores.total = total.figures(distribution);
  if (scale > 0 && total.num_cells() > 0) scores.total["MASE"] = scores.total["MAE"] / scale;
  scores.masked = masked.figures(distribution);
  scores.pit = total.pit_histogram();
  for (const auto& a : horizon) scores.per_horizon.push_back(a.figures(distribution));
  for (const auto& a : category) scores.per_category.push_back(a.figures(distribution));
  for (const auto& a : district) scores.per_district.push_back(a.figures(distribution));
  add_ranking(panel, range, f, scores.total);
  return scores;
}

void compare(Evaluation& evaluation) {
  const ForecasterScores* reference = nullptr;
  for (const auto& f : evaluation.forecasters) {
    if (f.name == evaluation.reference) reference = &f;
  }
  if (reference == nullptr) return;
  const std::vector<double> reference_scores = reference->score_per_origin;
  const bool distribution = reference->score == "NLL";
  for (auto& f : evaluation.forecasters) {
    if (f.name == evaluation.reference) {
      f.verdict = "the reference";
      continue;
    }
    if ((f.score == "NLL") != distribution) {
      f.verdict = fmt::format("scored by {}; not compared with {}", f.score, evaluation.reference);
      continue;
    }
    f.skill = block_bootstrap(f.score_per_origin, reference_scores, evaluation.bootstrap_block,
                              evaluation.bootstrap_replicates, evaluation.bootstrap_seed);
    if (f.skill.holds_zero()) {
      f.verdict = fmt::format("no better than {}", evaluation.reference);
    } else {
      f.verdict =
          fmt::format("{} than {}", f.skill.value > 0 ? "better" : "worse", evaluation.reference);
    }
  }
}

double figure(const Figures& figures, const std::string& name) {
  const auto it = figures.find(name);
  return it == figures.end() ? std::nan("") : it->second;
}

std::string cell(double value, int decimals) {
  return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, decimals);
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
  evaluation.bootstrap_block = config.bootstrap_block;
  evaluation.bootstrap_replicates = config.bootstrap_replicates;
  evaluation.bootstrap_seed = config.bootstrap_seed;
  for (const auto& c : panel.categories) evaluation.categories.push_back(c.code);
  for (const auto& n : panel.nodes) evaluation.districts.push_back(n.code);
  const double scale = seasonal_scale(panel, training);
  for (const auto& named : forecasts) {
    PRECINCT_CHECK(named.forecast.origins == forecasts[0].forecast.origins &&
                       named.forecast.horizon == evaluation.horizon,
                   ShapeError,
                   "evaluation: {}: expected the same origins and horizon as {}; every forecaster "
                   "is scored on the same cells",
                   named.name, forecasts[0].name);
    evaluation.forecasters.push_back(score(panel, range, scale, named, evaluation.num_cells));
  }
  compare(evaluation);
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
    if (f.choice && (best == nullptr || f.choice->value < best->choice->value)) best = &f;
  }
  return best;
}

nlohmann::json to_json(const std::string& name, const Choice& choice) {
  return {
      {"name", name},
      {"choice", {{"metric", choice.metric}, {"value", choice.value}, {"epoch", choice.epoch}}}};
}

std::optional<Choice> choice_in(const nlohmann::json& evaluation) {
  if (!evaluation.is_object()) return {};
  for (const auto& f : evaluation.value("forecasters", nlohmann::json::array())) {
    if (!f.contains("choice")) continue;
    const auto& choice = f.at("choice");
    return Choice{choice.at("metric"), choice.at("value"), choice.at("epoch")};
  }
  return {};
}

nlohmann::json Evaluation::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& f : forecasters) {
    nlohmann::json by_category = nlohmann::json::object(), by_district = nlohmann::json::object();
    for (std::size_t c = 0; c < categories.size(); ++c)
      by_category[categories[c]] = f.per_category[c];
    for (std::size_t n = 0; n < districts.size(); ++n)
      by_district[districts[n]] = f.per_district[n];
    list.push_back({{"name", f.name},
                    {"family", f.family},
                    {"baseline", f.is_baseline},
                    {"total", f.total},
                    {"masked", f.masked},
                    {"per_horizon", f.per_horizon},
                    {"per_category", by_category},
                    {"per_district", by_district},
                    {"pit", f.pit},
                    {"skill",
                     {{"value", f.skill.value},
                      {"low", f.skill.low},
                      {"high", f.skill.high},
                      {"score", f.score}}},
                    {"verdict", f.verdict}});
    if (f.choice) list.back().update(metrics::to_json(f.name, *f.choice));
  }
  const ForecasterScores* pick = picked();
  return {{"range", {{"begin", range.begin}, {"end", range.end}, {"name", range_name}}},
          {"horizon", horizon},
          {"num_cells", num_cells},
          {"reference", reference},
          {"bootstrap",
           {{"block", bootstrap_block},
            {"replicates", bootstrap_replicates},
            {"seed", bootstrap_seed}}},
          {"forecasters", list},
          {"picked", pick != nullptr ? nlohmann::json(pick->name) : nlohmann::json()}};
}

std::string Evaluation::to_text(bool all_baselines) const {
  std::vector<const ForecasterScores*> rows;
  const ForecasterScores *first = nullptr, *best = nullptr;
  for (const auto& f : forecasters) {
    if (!f.is_baseline) {
      rows.push_back(&f);
      continue;
    }
    if (first == nullptr) first = &f;
    if (best == nullptr || figure(f.total, "NLL") < figure(best->total, "NLL")) best = &f;
  }
  for (const auto& f : forecasters) {
    if (f.is_baseline && (all_baselines || &f == first || &f == best || f.name == reference))
      rows.push_back(&f);
  }
  std::string text = fmt::format(
      "{} bins {}..{}, horizon 1..{}, {} cells (all observed, unmasked); skill against {} with 95 "
      "% interval\n",
      range_name, range.begin, range.end, horizon, num_cells, reference);
  text += fmt::format("{:<22} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>7}  {}\n", "forecaster", "NLL",
                      "CRPS", "MAE", "RMSE", "PIT 90", "PAI 5%", "PEI 5%", "skill in %");
  for (const auto* f : rows) {
    std::string skill = f->verdict;
    if (f->name != reference && f->score == "NLL") {
      skill = fmt::format("{:+.2f} [{:+.2f}, {:+.2f}] {}", 100 * f->skill.value, 100 * f->skill.low,
                          100 * f->skill.high, f->verdict);
    }
    text += fmt::format(
        "{:<22} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>7}  {}\n",
        f->name + (f->is_baseline ? " *" : ""), cell(figure(f->total, "NLL"), 5),
        cell(figure(f->total, "CRPS"), 5), cell(figure(f->total, "MAE"), 4),
        cell(figure(f->total, "RMSE"), 4), cell(figure(f->total, "PIT_coverage_90"), 3),
        cell(figure(f->total, "PAI@5%"), 2), cell(figure(f->total, "PEI@5%"), 3), skill);
  }
  text += "* baseline\n";
  if (const auto* pick = picked())
    text += fmt::format("picked before the test range was seen: {} ({} {:.5f} at epoch {:.0f})\n",
                        pick->name, pick->choice->metric, pick->choice->value, pick->choice->epoch);
  return text;
}

std::string Evaluation::to_csv() const {
  std::string text = "forecaster,part,key,figure,value\n";
  const auto add = [&](const std::string& name, const char* part, const std::string& key,
                       const Figures& figures) {
    for (const auto& [figure_name, value] : figures)
      text += fmt::format("{},{},{},{},{:.10g}\n", name, part, key, figure_name, value);
  };
  for (const auto& f : forecasters) {
    add(f.name, "total", "", f.total);
    add(f.name, "masked", "", f.masked);
    for (std::size_t h = 0; h < f.per_horizon.size(); ++h)
      add(f.name, "horizon", std::to_string(h + 1), f.per_horizon[h]);
    for (std::size_t c = 0; c < categories.size(); ++c)
      add(f.name, "category", categories[c], f.per_category[c]);
    for (std::size_t n = 0; n < districts.size(); ++n)
      add(f.name, "district", districts[n], f.per_district[n]);
  }
  return text;
}

}  // namespace precinct::metrics
