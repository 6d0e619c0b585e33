// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/feature_set.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/features/calendar.h"
#include "data/features/dispersion.h"
#include "data/features/ewma.h"
#include "data/graph/spatial_graph.h"

namespace precinct::data {
namespace {

constexpr double kRatePseudoBins = 10;  // shrinks a node's long-run rate to its category's

double mean_latitude(const Panel& panel) {
  double sum = 0;
  for (const Node& node : panel.nodes) sum += node.latitude;
  return panel.nodes.empty() ? 0 : sum / static_cast<double>(panel.nodes.size());
}

/// Mean and deviation of a stream of numbers.
struct Moments {
  double count = 0, sum = 0, squares = 0;
  void add(double x) {
    ++count;
    sum += x;
    squares += x * x;
  }
  float mean() const { return count > 0 ? static_cast<float>(sum / count) : 0.0F; }
  float deviation() const {
    if (count < 2) return 1.0F;
    const double variance = squares / count - (sum / count) * (sum / count);
    return variance > 1e-12 ? static_cast<float>(std::sqrt(variance)) : 1.0F;
  }
};

Scaler fit_scaler(const Panel& panel, const std::string& kind, const BinRange& range) {
  const auto cats = static_cast<std::size_t>(panel.num_categories);
  Scaler scaler{std::vector<float>(cats, 0), std::vector<float>(cats, 1)};
  if (kind == "none") return scaler;
  std::vector<Moments> moments(cats);
  std::vector<double> least(cats, 0), largest(cats, 0);
  for (std::int64_t t = range.begin; t < range.end; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      if (!panel.is_observed(t, n)) continue;
      for (std::size_t c = 0; c < cats; ++c) {
        const double x =
            std::log1p(static_cast<double>(panel.count(t, n, static_cast<std::int64_t>(c))));
        least[c] = moments[c].count > 0 ? std::min(least[c], x) : x;
        largest[c] = std::max(largest[c], x);
        moments[c].add(x);
      }
    }
  }
  for (std::size_t c = 0; c < cats; ++c) {
    const double range = largest[c] - least[c];
    scaler.shift[c] = kind == "standard" ? moments[c].mean() : static_cast<float>(least[c]);
    scaler.scale[c] = kind == "standard" ? moments[c].deviation()
                      : range > 1e-6     ? static_cast<float>(range)
                                         : 1.0F;
  }
  return scaler;
}

/// Long-run mean per node and category over the range [N, C], shrunk to the category's mean.
std::vector<double> long_run_mean(const Panel& panel, const BinRange& range) {
  const auto cells = static_cast<std::size_t>(panel.num_nodes * panel.num_categories),
             cats = static_cast<std::size_t>(panel.num_categories);
  std::vector<double> sum(cells, 0), bins(static_cast<std::size_t>(panel.num_nodes), 0),
      category(cats, 0);
  double observed = 0;
  for (std::int64_t t = range.begin; t < range.end; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      if (!panel.is_observed(t, n)) continue;
      bins[static_cast<std::size_t>(n)] += 1;
      observed += 1;
      for (std::size_t c = 0; c < cats; ++c) {
        const double y = panel.count(t, n, static_cast<std::int64_t>(c));
        sum[static_cast<std::size_t>(n) * cats + c] += y;
        category[c] += y;
      }
    }
  }
  for (std::size_t i = 0; i < cells; ++i) {
    const double overall = observed > 0 ? category[i % cats] / observed : 0;
    sum[i] =
        std::max((sum[i] + kRatePseudoBins * overall) / (bins[i / cats] + kRatePseudoBins), 1e-4);
  }
  return sum;
}

void fit_statics(const Panel& panel, const std::vector<double>& rate, FeatureSpec& spec) {
  const SpatialGraph graph = SpatialGraph::from_edges(panel.graph, panel.num_nodes);
  std::vector<std::vector<double>> columns;
  const auto add = [&](const std::string& name, auto value) {
    std::vector<double> column;
    for (std::int64_t n = 0; n < panel.num_nodes; ++n)
      column.push_back(value(n, panel.nodes[static_cast<std::size_t>(n)]));
    const auto [low, high] = std::minmax_element(column.begin(), column.end());
    const double least = *low, range = *high - *low;
    if (!(range > 1e-12)) return;  // constant: says nothing
    for (double& x : column) x = (x - least) / range;
    spec.static_names.push_back(name);
    columns.push_back(std::move(column));
  };
  add("log_area_km2",
      [](std::int64_t, const Node& node) { return std::log(std::max(node.area_km2, 1e-6)); });
  add("longitude", [](std::int64_t, const Node& node) { return node.longitude; });
  add("latitude", [](std::int64_t, const Node& node) { return node.latitude; });
  const auto cats = static_cast<std::size_t>(panel.num_categories);
  add("log_density", [&](std::int64_t n, const Node& node) {
    double total = 0;
    for (std::size_t c = 0; c < cats; ++c) total += rate[static_cast<std::size_t>(n) * cats + c];
    return std::log(total / std::max(node.area_km2, 1e-6));
  });
  for (std::size_t c = 0; c < cats; ++c) {
    add("log_rate/" + panel.categories[c].code, [&](std::int64_t n, const Node&) {
      return std::log(rate[static_cast<std::size_t>(n) * cats + c]);
    });
  }
  add("degree", [&](std::int64_t n, const Node&) { return static_cast<double>(graph.degree(n)); });
  for (const auto& feature : panel.static_features) {
    add("static/" + feature.first, [&](std::int64_t n, const Node&) {
      return static_cast<double>(feature.second[static_cast<std::size_t>(n)]);
    });
  }
  for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
    for (const auto& column : columns)
      spec.statics.push_back(static_cast<float>(column[static_cast<std::size_t>(n)]));
  }
}

void fit_dispersion0(const Panel& panel, const std::vector<double>& rate, FeatureSpec& spec) {
  const auto cats = static_cast<std::size_t>(panel.num_categories);
  std::vector<std::vector<double>> means(cats), counts(cats);
  for (std::int64_t t = spec.fit_range.begin; t < spec.fit_range.end; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      if (!panel.is_observed(t, n)) continue;
      for (std::size_t c = 0; c < cats; ++c) {
        means[c].push_back(rate[static_cast<std::size_t>(n) * cats + c]);
        counts[c].push_back(panel.count(t, n, static_cast<std::int64_t>(c)));
      }
    }
  }
  for (std::size_t c = 0; c < cats; ++c)
    spec.log_dispersion0.push_back(
        static_cast<float>(std::log(fit_dispersion(means[c], counts[c]))));
}

}  // namespace

FeatureSpec FeatureSpec::fit(const Panel& panel, const config::InputConfig& input,
                             const config::DataConfig& data, const BinRange& fit_range) {
  PRECINCT_CHECK(fit_range.size() > 0 && fit_range.begin >= 0 && fit_range.end <= panel.num_bins,
                 ShapeError, "features: expected a fit range inside 0..{}, found {}..{}",
                 panel.num_bins, fit_range.begin, fit_range.end);
  FeatureSpec spec;
  spec.fit_range = fit_range;
  spec.first_day = panel.axis.start().day;
  spec.calendar_form = input.calendar;
  spec.holidays = input.holidays;
  spec.half_lives_days = input.ewma_half_lives;
  spec.scaler = fit_scaler(panel, data.scaling, fit_range);
  const std::vector<double> rate = long_run_mean(panel, fit_range);
  fit_statics(panel, rate, spec);
  for (const double r : rate) spec.log_mean0.push_back(static_cast<float>(std::log(r)));
  fit_dispersion0(panel, rate, spec);
  spec.calendar_names = names_of_groups(
      compute_calendar(panel.axis, 1, mean_latitude(panel), spec.calendar_form, spec.holidays)
          .names,
      input.calendar_features);
  const EwmaSeries ewma = compute_ewma(panel, spec.half_lives_days);
  spec.origin_names = ewma.names;
  std::vector<Moments> moments(ewma.names.size());
  const auto fo = static_cast<std::size_t>(ewma.num_features);
  // Rows of origins inside the fit range use bins of it alone.
  for (std::int64_t e = fit_range.begin; e < fit_range.end; ++e) {
    const float* row = ewma.values.data() + static_cast<std::size_t>(e * panel.num_nodes) * fo;
    for (std::size_t i = 0; i < static_cast<std::size_t>(panel.num_nodes) * fo; ++i)
      moments[i % fo].add(row[i]);
  }
  for (const Moments& m : moments) {
    spec.origin_shift.push_back(m.mean());
    spec.origin_scale.push_back(m.deviation());
  }
  return spec;
}

BinRange FeatureSpec::learnt_bins(const BinAxis& axis) const {
  if (!first_day) return fit_range;
  // Only the day of the start is kept: panels of hours are taken to start at the same hour.
  const BinAxis learnt(axis.spec(), {*first_day, axis.start().minute});
  const CivilTime end = learnt.start_of(fit_range.end);
  const std::int64_t last = axis.bin_of(end);
  return {axis.bin_of(learnt.start_of(fit_range.begin)),
          axis.start_of(last) < end ? last + 1 : last};
}

FeatureSet FeatureSet::compute(const Panel& panel, const FeatureSpec& spec, std::int64_t horizon,
                               const std::optional<GammaPoissonConstants>& anchor) {
  FeatureSet set;
  CalendarTable calendar =
      compute_calendar(panel.axis, panel.num_bins + horizon, mean_latitude(panel),
                       spec.calendar_form, spec.holidays, spec.first_day);
  select_columns(calendar, spec.calendar_names);
  EwmaSeries ewma = compute_ewma(panel, spec.half_lives_days);
  PRECINCT_CHECK(ewma.names == spec.origin_names, DataError,
                 "panel: expected the categories and groups of the artifact, found others; ingest "
                 "it with the same profile");
  set.num_calendar = static_cast<std::int64_t>(calendar.names.size());
  set.num_origin = ewma.num_features;
  set.num_static = static_cast<std::int64_t>(spec.static_names.size());
  set.num_day_slots = panel.axis.spec().bins_per_day();
  set.calendar = std::move(calendar.values);
  set.day_slot = std::move(calendar.day_slot);
  set.weekday = std::move(calendar.weekday);
  set.origin = std::move(ewma.values);
  const auto fo = static_cast<std::size_t>(set.num_origin);
  for (std::size_t i = 0; i < set.origin.size(); ++i)
    set.origin[i] = (set.origin[i] - spec.origin_shift[i % fo]) / spec.origin_scale[i % fo];
  set.statics = spec.statics;
  set.scaler = spec.scaler;
  if (anchor) set.anchor = std::make_shared<GammaPoissonSeries>(panel, *anchor);
  return set;
}

void to_json(nlohmann::json& json, const FeatureSpec& spec) {
  json = {{"calendar", spec.calendar_names},
          {"static", spec.static_names},
          {"origin", spec.origin_names},
          {"calendar_form", spec.calendar_form},
          {"holidays", spec.holidays},
          {"half_lives_days", spec.half_lives_days},
          {"scaler", {{"shift", spec.scaler.shift}, {"scale", spec.scaler.scale}}},
          {"origin_shift", spec.origin_shift},
          {"origin_scale", spec.origin_scale},
          {"static_values", spec.statics},
          {"log_mean0", spec.log_mean0},
          {"log_dispersion0", spec.log_dispersion0},
          {"fit_range", {spec.fit_range.begin, spec.fit_range.end}}};
  if (spec.first_day) json["first_day"] = format_date(*spec.first_day);
}

void from_json(const nlohmann::json& json, FeatureSpec& spec) {
  json.at("calendar").get_to(spec.calendar_names);
  json.at("static").get_to(spec.static_names);
  json.at("origin").get_to(spec.origin_names);
  json.at("calendar_form").get_to(spec.calendar_form);
  json.at("holidays").get_to(spec.holidays);
  json.at("half_lives_days").get_to(spec.half_lives_days);
  json.at("scaler").at("shift").get_to(spec.scaler.shift);
  json.at("scaler").at("scale").get_to(spec.scaler.scale);
  json.at("origin_shift").get_to(spec.origin_shift);
  json.at("origin_scale").get_to(spec.origin_scale);
  json.at("static_values").get_to(spec.statics);
  json.at("log_mean0").get_to(spec.log_mean0);
  json.at("log_dispersion0").get_to(spec.log_dispersion0);
  spec.fit_range = {json.at("fit_range").at(0), json.at("fit_range").at(1)};
  spec.first_day.reset();  // older artifacts have none
  if (json.contains("first_day"))
    spec.first_day =
        parse_civil(json.at("first_day").get<std::string>(), "features.json: first_day").day;
}

void to_json(nlohmann::json& json, const GammaPoissonConstants& k) {
  json = {{"half_life_bins", k.half_life},
          {"prior", k.prior},
          {"neighbour_weight", k.neighbour_weight},
          {"category_weight", k.category_weight},
          {"group_weight", k.group_weight},
          {"level_half_life_bins", k.level_half_life},
          {"dispersion", k.dispersion}};
  json["season_half_life_bins"] =
      k.season_half_life ? nlohmann::json(*k.season_half_life) : nlohmann::json();
  json["season_prior"] = k.season_prior ? nlohmann::json(*k.season_prior) : nlohmann::json();
}

void from_json(const nlohmann::json& json, GammaPoissonConstants& k) {
  json.at("half_life_bins").get_to(k.half_life);
  json.at("prior").get_to(k.prior);
  json.at("neighbour_weight").get_to(k.neighbour_weight);
  json.at("category_weight").get_to(k.category_weight);
  json.at("group_weight").get_to(k.group_weight);
  json.at("level_half_life_bins").get_to(k.level_half_life);
  json.at("dispersion").get_to(k.dispersion);
  k.season_half_life.reset();
  k.season_prior.reset();
  if (!json.at("season_half_life_bins").is_null())
    k.season_half_life = json.at("season_half_life_bins").get<double>();
  if (!json.at("season_prior").is_null()) k.season_prior = json.at("season_prior").get<double>();
}

}  // namespace precinct::data
