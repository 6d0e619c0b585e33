// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/tables.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/html_page.h"
#include "report/panel_facts.h"

namespace precinct::report {
namespace {

using nlohmann::json;

std::string number(const json& figures, const char* name, int decimals) {
  if (!figures.contains(name) || !figures[name].is_number()) return "<td class=none>&ndash;</td>";
  return fmt::format("<td>{:.{}f}</td>", figures[name].get<double>(), decimals);
}

std::string skill_cell(const json& forecaster, const std::string& reference) {
  if (forecaster["name"] == reference) return "<td class=text>the reference</td>";
  const auto& skill = forecaster["skill"];
  const std::string verdict = html_escape(forecaster["verdict"].get<std::string>());
  const std::string score = skill.value("score", "NLL");
  const double value = 100 * skill["value"].get<double>(), low = 100 * skill["low"].get<double>(),
               high = 100 * skill["high"].get<double>();
  return fmt::format("<td class=text>{:+.2f}&nbsp;% [{:+.2f}, {:+.2f}]{}<br><small>{}</small></td>",
                     value, low, high, score == "NLL" ? "" : " of " + score, verdict);
}

std::string row(const json& forecaster, const std::string& reference) {
  const auto& total = forecaster["total"];
  return fmt::format("<tr class={}><th scope=row>{}</th>",
                     forecaster["baseline"].get<bool>() ? "baseline" : "model",
                     html_escape(forecaster["name"].get<std::string>())) +
         number(total, "NLL", 4) + number(total, "CRPS", 4) + number(total, "MAE", 3) +
         number(total, "RMSE", 3) + number(total, "PIT_coverage_90", 3) +
         number(total, "PAI@5%", 2) + number(total, "PEI@5%", 3) +
         skill_cell(forecaster, reference) + "</tr>";
}

std::string breakdown_row(const json& forecaster, const char* score) {
  std::string html =
      fmt::format("<tr><th scope=row>{}</th>", html_escape(forecaster["name"].get<std::string>()));
  for (const auto& figures : forecaster["per_category"]) html += number(figures, score, 4);
  for (const auto& figures : forecaster["per_horizon"]) html += number(figures, score, 4);
  return html + "</tr>";
}

void add_missing(const json& quality, std::string& html) {
  const double rows = std::max(1.0, quality.value("rows_read", 1.0));
  const auto missing = quality.value("missing_per_column", json::object());
  if (missing.empty()) return;
  html += fmt::format(
      "<details><summary>empty or unknown values in {} column{}</summary><div class=scroll "
      "tabindex=0 role=region aria-label='missing values'><table><thead><tr><th "
      "scope=col>column</th><th scope=col>rows</th><th scope=col>share</th></tr></thead><tbody>",
      missing.size(), missing.size() == 1 ? "" : "s");
  for (const auto& [column, count] : missing.items())
    html += fmt::format("<tr><th scope=row>{}</th><td>{}</td><td>{:.1f}&nbsp;%</td></tr>",
                        html_escape(column), grouped(count.get<std::uint64_t>()),
                        100 * count.get<double>() / rows);
  html += "</tbody></table></div></details>";
}

Facts quality_facts(const json& quality) {
  const auto count = [&](const char* name) {
    return grouped(quality.value(name, std::uint64_t{0}));
  };
  Facts facts = {{"rows", fmt::format("{} read = {} accepted + {} rejected + {} duplicates",
                                      count("rows_read"), count("accepted"), count("rejected"),
                                      count("duplicates"))}};
  const auto kinds = quality.value("rejected_by_kind", json::object());
  for (const auto& [kind, rows] : kinds.items())
    facts.emplace_back("rejected: " + kind, grouped(rows.get<std::uint64_t>()));
  const auto defaults = quality.value("default_dates", json::object());
  facts.emplace_back("default dates",
                     fmt::format("{:.1f} % fall on the first of a month (3.3 % by chance), {:.1f} "
                                 "% on 1 January (0.3 %), {:.1f} % at 12:00 sharp",
                                 100 * defaults.value("first_of_month_share", 0.0),
                                 100 * defaults.value("first_of_year_share", 0.0),
                                 100 * defaults.value("noon_share", 0.0)));
  const auto lag = quality.value("report_lag_days", json::object());
  const auto days = [&](const char* name) {
    const int count = lag[name].get<int>();
    return fmt::format("{} day{}", count, count == 1 ? "" : "s");
  };
  if (lag.contains("median") && lag.contains("p90") && lag.contains("p99"))
    facts.emplace_back(
        "report lag",
        fmt::format("half within {}, 90 % within {}, 99 % within {}; the latest report is of {}",
                    days("median"), days("p90"), days("p99"),
                    lag.value("latest_report", "an unknown day")));
  if (const auto isolated = quality.value("isolated_districts", json::array()); !isolated.empty())
    facts.emplace_back("without neighbours", isolated.dump());
  const auto warnings = quality.value("warnings", json::array());
  for (const auto& warning : warnings) facts.emplace_back("warning", warning.get<std::string>());
  return facts;
}

}  // namespace

std::string metric_table(const json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("forecasters"))
    return "<p>No evaluation in this run.</p>";
  const std::string reference = evaluation.value("reference", "");
  std::string models, baselines;
  for (const auto& forecaster : evaluation["forecasters"])
    (forecaster["baseline"].get<bool>() ? baselines : models) += row(forecaster, reference);
  const int horizon = evaluation.value("horizon", 1);
  return fmt::format(
      "<div class=scroll tabindex=0 role=region aria-label='metric table'><table><caption>Every "
      "forecaster on the same {} cells of the {} range (bins {} to {}), {} ahead, all cells "
      "whether anything happened or not. Baselines below the line.</caption>"
      "<thead><tr><th scope=col>forecaster</th>"
      "<th scope=col title='negative log likelihood in nats per cell, lower is better'>NLL</th>"
      "<th scope=col title='continuous ranked probability score in incidents, lower is "
      "better'>CRPS</th>"
      "<th scope=col title='mean absolute error in incidents, lower is better'>MAE</th>"
      "<th scope=col title='root mean squared error in incidents, lower is better'>RMSE</th>"
      "<th scope=col title='share of the probability integral transform in the central 90 %; 0.90 "
      "is right'>PIT&nbsp;90</th>"
      "<th scope=col title='prediction accuracy index at 5 % of the districts, higher is "
      "better'>PAI&nbsp;5%</th>"
      "<th scope=col title='hits against the best possible hits at 5 % of the districts, higher is "
      "better'>PEI&nbsp;5%</th>"
      "<th scope=col class=text>skill against {}, 95&nbsp;% interval</th></tr></thead>"
      "<tbody>{}</tbody><tbody class=base>{}</tbody></table></div>",
      grouped(evaluation.value("num_cells", std::uint64_t{0})),
      html_escape(evaluation["range"].value("name", "test")), evaluation["range"].value("begin", 0),
      evaluation["range"].value("end", 0) - 1,
      horizon == 1 ? "1 step" : fmt::format("1 to {} steps", horizon), html_escape(reference),
      models, baselines);
}

std::string breakdown_table(const json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("forecasters")) return "";
  const std::string reference = evaluation.value("reference", "");
  const json* last = nullptr;
  for (const auto& f : evaluation["forecasters"])
    if (f["name"] == reference) last = &f;
  if (last == nullptr) return "";
  const char* score = (*last)["total"].contains("NLL") ? "NLL" : "RMSE";
  std::string head;
  for (const auto& [name, figures] : (*last)["per_category"].items())
    head += fmt::format("<th scope=col>{}</th>", html_escape(name));
  for (std::size_t h = 1; h <= (*last)["per_horizon"].size(); ++h)
    head += fmt::format("<th scope=col>step&nbsp;{}</th>", h);
  std::string rows;
  for (const auto& f : evaluation["forecasters"])
    if (!f["baseline"].get<bool>()) rows += breakdown_row(f, score);
  return fmt::format(
      "<details><summary>by category and by step ahead</summary><div class=scroll tabindex=0 "
      "role=region aria-label='scores by category and step'><table><caption>{} by category (all "
      "steps) and by step ahead (all categories).</caption><thead><tr><th "
      "scope=col>forecaster</th>{}</tr></thead><tbody>{}</tbody><tbody "
      "class=base>{}</tbody></table></div></details>",
      score, head, rows, breakdown_row(*last, score));
}

std::string quality_table(const json& quality) {
  if (!quality.is_object())
    return "<p>No provenance file lies beside the panel: what its ingest found is not known.</p>";
  std::string html = facts_list(quality_facts(quality));
  add_missing(quality, html);
  return html;
}

std::string facts_list(const Facts& facts) {
  std::string html = "<dl>";
  for (const auto& [label, text] : facts)
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", html_escape(label), html_escape(text));
  return html + "</dl>";
}

}  // namespace precinct::report
