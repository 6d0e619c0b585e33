// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/report_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "data/geo/geometry.h"
#include "report/panel_facts.h"

namespace precinct::report {
namespace {

constexpr std::int64_t kPastBlocks = 26;

/// Mean and variance of a sum of independent counts.
struct Moments {
  double mean = 0, variance = 0;
  void add(const models::Forecast& forecast, std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const double m = forecast.mean[at],
                 a = forecast.dispersion.empty() ? 0 : forecast.dispersion[at];
    mean += m;
    variance += m + a * m * m;
  }
  /// Of the negative binomial with this mean and variance.
  double quantile(double level) const {
    const double dispersion = mean > 0 ? std::max(0.0, (variance - mean) / (mean * mean)) : 0;
    return static_cast<double>(
        models::quantile(models::Family::kNegativeBinomial2, mean, dispersion, level));
  }
};

/// Appends the 90 % ranges of the categories and of all of them together.
template <typename Values>
void add_ranges(const std::vector<Moments>& categories, Values& low, Values& high) {
  using Value = typename Values::value_type;
  Moments all;
  for (const Moments& m : categories) {
    low.push_back(static_cast<Value>(m.quantile(.05)));
    high.push_back(static_cast<Value>(m.quantile(.95)));
    all.mean += m.mean;
    all.variance += m.variance;
  }
  low.push_back(static_cast<Value>(all.quantile(.05)));
  high.push_back(static_cast<Value>(all.quantile(.95)));
}

void add_test_series(const data::BinRange& test, const models::Forecast& forecast,
                     ModelSeries& series) {
  std::int64_t next = test.begin;
  for (std::size_t o = 0; o < forecast.origins.size(); ++o) {
    if (forecast.origins[o] != next || !test.contains(next)) continue;
    ++next;
    std::vector<Moments> sums(static_cast<std::size_t>(forecast.num_categories));
    for (std::int64_t c = 0; c < forecast.num_categories; ++c) {
      Moments& sum = sums[static_cast<std::size_t>(c)];
      for (std::int64_t n = 0; n < forecast.num_nodes; ++n)
        sum.add(forecast, forecast.index(static_cast<std::int64_t>(o), 0, n, c));
      series.test_mean.push_back(sum.mean);
    }
    if (series.has_band) add_ranges(sums, series.test_low, series.test_high);
  }
  PRECINCT_CHECK(next == test.end, ShapeError,
                 "report: {}: expected a forecast from each bin {}..{}, found none from {}",
                 series.name, test.begin, test.end, next);
}

void add_coming(const models::Forecast& f, ModelSeries& series) {
  series.mean = f.mean;
  if (!series.has_band) return;
  const auto num_categories = static_cast<std::size_t>(f.num_categories);
  for (std::int64_t h = 0; h < f.horizon; ++h) {
    for (std::int64_t n = 0; n < f.num_nodes; ++n) {
      std::vector<Moments> cells(num_categories);
      for (std::int64_t c = 0; c < f.num_categories; ++c)
        cells[static_cast<std::size_t>(c)].add(f, f.index(0, h, n, c));
      add_ranges(cells, series.low, series.high);
    }
  }
  std::vector<Moments> everywhere(num_categories);
  for (std::int64_t n = 0; n < f.num_nodes; ++n) {
    std::vector<Moments> sums(num_categories);
    for (std::int64_t c = 0; c < f.num_categories; ++c) {
      for (std::int64_t h = 0; h < f.horizon; ++h) {
        sums[static_cast<std::size_t>(c)].add(f, f.index(0, h, n, c));
        everywhere[static_cast<std::size_t>(c)].add(f, f.index(0, h, n, c));
      }
    }
    add_ranges(sums, series.sum_low, series.sum_high);
  }
  add_ranges(everywhere, series.sum_low, series.sum_high);
}

/// Losses of phase fit in metrics.jsonl; a line that is cut short by a running job is left out.
nlohmann::json read_curve(const std::filesystem::path& path) {
  nlohmann::json curve = nlohmann::json::array();
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("epoch") || row.value("phase", "fit") != "fit") continue;
    nlohmann::json point = {{"epoch", row["epoch"]}};
    if (row.contains("train/loss")) point["train_loss"] = row["train/loss"];
    if (row.contains("val/NLL")) point["val_nll"] = row["val/NLL"];
    if (point.size() > 1) curve.push_back(point);
  }
  return curve;
}

void add_places(const data::Panel& panel, ReportData& data) {
  for (const auto& node : panel.nodes) {
    data.districts.push_back(node.code);
    data.district_names.push_back(
        node.name.empty() || node.name == node.code ? "district " + node.code : node.name);
  }
  for (const auto& category : panel.categories)
    data.categories.push_back(category.name.empty() ? category.code : category.name);
  if (!panel.has_geometry()) return;
  constexpr double kToleranceMetres = 15;
  const auto polygons = data::PolygonSet::from_wkb(panel.geometry, panel.geometry_offset);
  for (int n = 0; n < polygons.size(); ++n) {
    std::vector<std::vector<std::pair<double, double>>> parts;
    for (const auto& polygon : polygons.rings(n, kToleranceMetres)) {
      for (const auto& ring : polygon) {
        auto& part = parts.emplace_back();
        for (const auto& p : ring) part.emplace_back(p.x, p.y);
      }
    }
    data.outlines.push_back(std::move(parts));
  }
}

/// Recorded sums of blocks of `length` bins that end with the panel. A block that was observed in
/// part is scaled to its whole length.
void add_past(const data::Panel& panel, std::int64_t length, ReportData& data) {
  const std::int64_t blocks = std::min(kPastBlocks, panel.num_bins / length);
  for (std::int64_t k = 0; k < blocks; ++k) {
    const std::int64_t begin = panel.num_bins - (blocks - k) * length;
    data.past_blocks.push_back(range_label(panel, {begin, begin + length}));
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      double seen = 0;
      std::vector<double> sums(static_cast<std::size_t>(panel.num_categories));
      for (std::int64_t t = begin; t < begin + length; ++t) {
        if (!panel.is_observed(t, n)) continue;
        ++seen;
        for (std::int64_t c = 0; c < panel.num_categories; ++c)
          sums[static_cast<std::size_t>(c)] += panel.count(t, n, c);
      }
      for (const double sum : sums)
        data.past.push_back(seen > 0 ? sum * static_cast<double>(length) / seen
                                     : std::numeric_limits<double>::quiet_NaN());
    }
  }
}

/// Recorded sum over districts; not a number when none of them was observed.
double sum_of_bin(const data::Panel& panel, std::int64_t bin, std::int64_t category) {
  double sum = 0;
  bool is_seen = false;
  for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
    if (!panel.is_observed(bin, n)) continue;
    is_seen = true;
    sum += panel.count(bin, n, category);
  }
  return is_seen ? sum : std::numeric_limits<double>::quiet_NaN();
}

void add_test_range(const data::Panel& panel, const data::BinRange& test, ReportData& data) {
  for (std::int64_t t = test.begin; t < test.end; ++t) {
    data.test_bins.push_back(format_date(panel.axis.start_of(t).day));
    if (panel.axis.spec().kind == BinKind::kHours)
      data.test_bins.back() += fmt::format(" {:02}:00", panel.axis.start_of(t).minute / 60);
    for (std::int64_t c = 0; c < panel.num_categories; ++c)
      data.test_actual.push_back(sum_of_bin(panel, t, c));
  }
}

void add_time(const data::Panel& panel, std::int64_t horizon, ReportData& data) {
  const std::int64_t end = panel.num_bins;
  for (std::int64_t h = 0; h < horizon; ++h) data.coming_bins.push_back(bin_label(panel, end + h));
  data.bin_word = bin_word(panel, 1);
  data.block_word = bin_word(panel, horizon);
  data.block_label = range_label(panel, {end, end + horizon});
  add_past(panel, horizon, data);
  data.title =
      fmt::format("Expected incidents in {} districts, {}", panel.num_nodes, data.block_label);
  data.lead = fmt::format(
      "The {} after the last recorded bin: what to expect in each of {} districts, {} categor{}, "
      "with the range that holds 90 % of the outcomes.",
      data.block_word, panel.num_nodes, panel.num_categories,
      panel.num_categories == 1 ? "y" : "ies");
}

}  // namespace

ReportData build_report(const data::Panel& panel, const data::BinRange& test,
                        const std::vector<ModelForecasts>& models) {
  ReportData data;
  add_places(panel, data);
  add_test_range(panel, test, data);
  data.panel_facts = panel_facts(panel);
  for (const auto& model : models) {
    ModelSeries series;
    series.name = model.name;
    for (const auto* forecast : {model.coming, model.test}) {
      if (forecast == nullptr) continue;
      PRECINCT_CHECK(forecast->num_nodes == panel.num_nodes &&
                         forecast->num_categories == panel.num_categories,
                     ShapeError, "report: {}: expected {} districts x {} categories, found {} x {}",
                     model.name, panel.num_nodes, panel.num_categories, forecast->num_nodes,
                     forecast->num_categories);
      series.has_band = forecast->family != models::Family::kPoint;
    }
    if (model.coming != nullptr) {
      PRECINCT_CHECK(model.coming->origins == std::vector<std::int64_t>{panel.num_bins}, ShapeError,
                     "report: {}: expected a forecast from the end of the panel alone, found {} "
                     "origins",
                     model.name, model.coming->origins.size());
      if (data.coming_bins.empty()) add_time(panel, model.coming->horizon, data);
      add_coming(*model.coming, series);
    }
    if (model.test != nullptr) add_test_series(test, *model.test, series);
    if (!model.metrics_file.empty()) series.curve = read_curve(model.metrics_file);
    data.models.push_back(std::move(series));
  }
  return data;
}

WeightsNote weights_note(const data::Panel& panel, const data::BinRange& learnt,
                         const data::BinRange& test) {
  WeightsNote note;
  note.has_seen_test = learnt.overlaps(test);
  const std::string last = format_date(panel.axis.last_day_of(learnt.end - 1)),
                    until = format_date(panel.axis.last_day_of(panel.num_bins - 1)),
                    range = learnt.end <= test.begin
                                ? fmt::format("up to {}, before", last)
                                : fmt::format("of {}, after", range_label(panel, learnt));
  note.text = note.has_seen_test
                  ? fmt::format(
                        "The networks have learnt from counts up to {}, the test range "
                        "included: their scores below are no test. What they reached before that "
                        "is in evaluation.json of each run.",
                        last)
                  : fmt::format(
                        "The weights that were evaluated also make this forecast: the "
                        "networks have learnt from counts {} the test range, "
                        "and were given the counts up to {} as input. Nothing was learnt "
                        "from the test range.",
                        range, until);
  return note;
}

}  // namespace precinct::report
