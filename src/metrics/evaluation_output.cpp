// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "metrics/evaluation.h"

namespace precinct::metrics {
namespace {

double figure(const Figures& figures, const std::string& name) {
  const auto it = figures.find(name);
  return it == figures.end() ? std::nan("") : it->second;
}

std::string cell(double value, int decimals) {
  return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, decimals);
}

/// Quoted as RFC 4180 asks where it must be.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

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
    // A point forecast has no NLL and is the best one only among its kind.
    if (best == nullptr || figure(f.total, "NLL") < figure(best->total, "NLL") ||
        (std::isnan(figure(best->total, "NLL")) && !std::isnan(figure(f.total, "NLL"))))
      best = &f;
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
    if (f->name != reference && !f->verdict.empty()) {
      skill = fmt::format("{:+.2f} [{:+.2f}, {:+.2f}] {}{}", 100 * f->skill.value,
                          100 * f->skill.low, 100 * f->skill.high, f->verdict,
                          f->score == "NLL" ? "" : " (by " + f->score + ")");
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
    text += fmt::format("picked before the test range was seen: {} ({} {:.5f} at epoch {:.3g})\n",
                        pick->name, pick->choice->metric, pick->choice->value, pick->choice->epoch);
  else if (std::any_of(forecasters.begin(), forecasters.end(),
                       [](const auto& f) { return f.choice.has_value(); }))
    text +=
        "picked: none, since these networks chose their epochs by scores without a common scale\n";
  return text;
}

std::string Evaluation::to_csv() const {
  std::string text = "forecaster,part,key,figure,value\n";
  const auto add = [&](const std::string& name, const char* part, const std::string& key,
                       const Figures& figures) {
    for (const auto& [figure_name, value] : figures)
      text +=
          fmt::format("{},{},{},{},{:.10g}\n", quoted(name), part, quoted(key), figure_name, value);
  };
  for (const auto& f : forecasters) {
    add(f.name, "total", "", f.total);
    add(f.name, "masked", "", f.masked);
    if (f.name != reference && !f.verdict.empty())
      add(f.name, "skill", f.score,
          {{"value", f.skill.value}, {"low", f.skill.low}, {"high", f.skill.high}});
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
