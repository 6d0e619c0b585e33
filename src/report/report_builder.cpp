// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/report_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "data/geo/geometry.h"

namespace precinct::report {
namespace {

std::string bin_word(const data::Panel& panel) {
  switch (panel.axis.spec().kind) {
    case BinKind::kHours:
      return fmt::format("{} hours", panel.axis.spec().hours);
    case BinKind::kDay:
      return "day";
    case BinKind::kWeek:
      return "week";
    case BinKind::kMonth:
      return "month";
  }
  return "bin";
}

std::string bin_label(const data::Panel& panel, std::int64_t bin) {
  static constexpr std::array kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  const CivilTime start = panel.axis.start_of(bin);
  std::string text = format_date(start.day);
  if (panel.axis.spec().kind == BinKind::kHours)
    text += fmt::format(" {:02}:00", start.minute / 60);
  if (panel.axis.spec().kind == BinKind::kDay)
    text += fmt::format(" {}", kDays[static_cast<std::size_t>(weekday(start.day))]);
  return text;
}

/// Quantile of a negative binomial with a given mean and variance.
double total_quantile(double mean, double variance, double level) {
  const double dispersion = mean > 0 ? std::max(0.0, (variance - mean) / (mean * mean)) : 0;
  return static_cast<double>(
      models::quantile(models::Family::kNegativeBinomial2, mean, dispersion, level));
}

void add_test_series(const data::Panel& panel, const data::BinRange& test,
                     const models::Forecast& forecast, ModelSeries& series) {
  for (std::size_t o = 0; o < forecast.origins.size(); ++o) {
    if (!test.contains(forecast.origins[o])) continue;
    for (std::int64_t c = 0; c < panel.num_categories; ++c) {
      double mean = 0, variance = 0;
      for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
        const auto i =
            static_cast<std::size_t>(forecast.index(static_cast<std::int64_t>(o), 0, n, c));
        const double m = forecast.mean[i],
                     a = forecast.dispersion.empty() ? 0 : forecast.dispersion[i];
        mean += m;
        variance += m + a * m * m;
      }
      series.test_mean.push_back(mean);
      series.test_low.push_back(total_quantile(mean, variance, .05));
      series.test_high.push_back(total_quantile(mean, variance, .95));
    }
  }
}

void add_coming(const models::Forecast& forecast, ModelSeries& series) {
  series.mean = forecast.mean;
  for (std::size_t i = 0; i < forecast.mean.size(); ++i) {
    const double a = forecast.dispersion.empty() ? 0 : forecast.dispersion[i];
    series.low.push_back(
        static_cast<float>(models::quantile(forecast.family, forecast.mean[i], a, .05)));
    series.high.push_back(
        static_cast<float>(models::quantile(forecast.family, forecast.mean[i], a, .95)));
  }
}

/// Points of metrics.jsonl that hold a validation loss of phase fit.
nlohmann::json read_curve(const std::filesystem::path& path) {
  nlohmann::json curve = nlohmann::json::array();
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_discarded() || !row.contains("val/NLL") || !row.contains("epoch")) continue;
    if (row.value("phase", "fit") != "fit") continue;
    curve.push_back({{"epoch", row["epoch"]}, {"val_nll", row["val/NLL"]}});
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

void add_recent(const data::Panel& panel, ReportData& data) {
  const auto bins =
      std::clamp<std::int64_t>(std::llround(panel.axis.bins_in_days(28)), 1, panel.num_bins);
  data.recent.assign(static_cast<std::size_t>(panel.num_nodes * panel.num_categories), 0);
  for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
    std::int64_t seen = 0;
    for (std::int64_t t = panel.num_bins - bins; t < panel.num_bins; ++t) {
      if (!panel.is_observed(t, n)) continue;
      ++seen;
      for (std::int64_t c = 0; c < panel.num_categories; ++c)
        data.recent[static_cast<std::size_t>(n * panel.num_categories + c)] +=
            static_cast<float>(panel.count(t, n, c));
    }
    for (std::int64_t c = 0; c < panel.num_categories && seen > 0; ++c)
      data.recent[static_cast<std::size_t>(n * panel.num_categories + c)] /=
          static_cast<float>(seen);
  }
}

}  // namespace

ReportData build_report(const data::Panel& panel, const data::BinRange& test,
                        const std::vector<ModelForecasts>& models) {
  ReportData data;
  data.bin_word = bin_word(panel);
  add_places(panel, data);
  add_recent(panel, data);
  for (std::int64_t t = test.begin; t < test.end; ++t) {
    data.test_bins.push_back(
        bin_label(panel, t).substr(0, panel.axis.spec().kind == BinKind::kHours ? 16 : 10));
    for (std::int64_t c = 0; c < panel.num_categories; ++c) {
      double sum = 0;
      for (std::int64_t n = 0; n < panel.num_nodes; ++n)
        sum += panel.is_observed(t, n) ? panel.count(t, n, c) : 0;
      data.test_actual.push_back(sum);
    }
  }
  for (const auto& model : models) {
    ModelSeries series;
    series.name = model.name;
    if (model.coming != nullptr) {
      PRECINCT_CHECK(model.coming->origins.size() == 1, ShapeError,
                     "report: {}: expected a forecast from one origin, found {}", model.name,
                     model.coming->origins.size());
      add_coming(*model.coming, series);
      if (data.coming_bins.empty()) {
        for (std::int64_t h = 0; h < model.coming->horizon; ++h)
          data.coming_bins.push_back(bin_label(panel, model.coming->origins[0] + h));
      }
    }
    if (model.test != nullptr) add_test_series(panel, test, *model.test, series);
    if (!model.metrics_file.empty()) series.curve = read_curve(model.metrics_file);
    data.models.push_back(std::move(series));
  }
  return data;
}

std::string headline(const nlohmann::json& evaluation, const data::Panel& panel,
                     std::int64_t horizon) {
  const std::string what = fmt::format(
      "The next {} {}{} of incidents in {} districts and {} categor{}, with the 90 % range of "
      "each. ",
      horizon, bin_word(panel), horizon == 1 ? "" : "s", panel.num_nodes, panel.num_categories,
      panel.num_categories == 1 ? "y" : "ies");
  if (!evaluation.is_object() || !evaluation.contains("forecasters")) return what;
  const nlohmann::json* best = nullptr;
  for (const auto& f : evaluation["forecasters"]) {
    if (f["baseline"].get<bool>() || !f["total"].contains("NLL")) continue;
    if (best == nullptr || f["total"]["NLL"] < (*best)["total"]["NLL"]) best = &f;
  }
  if (best == nullptr) return what + "Only baselines were evaluated.";
  const auto& skill = (*best)["skill"];
  const std::string reference = evaluation.value("reference", "");
  const double value = 100 * skill["value"].get<double>(), low = 100 * skill["low"].get<double>(),
               high = 100 * skill["high"].get<double>();
  const std::string interval =
      fmt::format("{:+.2f} % of its NLL, 95 % interval {:+.2f} to {:+.2f}", value, low, high);
  if (low <= 0 && high >= 0)
    return what +
           fmt::format(
               "On the test range the best network, {}, is no better than the baseline {} ({}).",
               (*best)["name"].get<std::string>(), reference, interval);
  return what +
         fmt::format("On the test range the best network, {}, is {} than the baseline {} ({}).",
                     (*best)["name"].get<std::string>(), value > 0 ? "better" : "worse", reference,
                     interval);
}

}  // namespace precinct::report
