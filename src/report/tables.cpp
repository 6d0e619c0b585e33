// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/tables.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/html_page.h"

namespace precinct::report {
namespace {

std::string number(const nlohmann::json& figures, const char* name, int decimals) {
  if (!figures.contains(name) || !figures[name].is_number()) return "<td class=none>&ndash;</td>";
  return fmt::format("<td>{:.{}f}</td>", figures[name].get<double>(), decimals);
}

std::string row(const nlohmann::json& forecaster, const std::string& reference) {
  const auto& total = forecaster["total"];
  const std::string name = forecaster["name"];
  std::string html =
      fmt::format("<tr class={}><th scope=row>{}</th>",
                  forecaster["baseline"].get<bool>() ? "baseline" : "model", html_escape(name));
  html += number(total, "NLL", 4) + number(total, "CRPS", 4) + number(total, "MAE", 3) +
          number(total, "RMSE", 3) + number(total, "PIT_coverage_90", 3) +
          number(total, "PAI@5%", 2) + number(total, "PEI@5%", 3);
  const auto& skill = forecaster["skill"];
  if (name == reference) {
    html += "<td class=text>the reference</td>";
  } else {
    html += fmt::format(
        "<td class=text>{:+.2f}&nbsp;% [{:+.2f}, {:+.2f}]<br><small>{}</small></td>",
        100 * skill["value"].get<double>(), 100 * skill["low"].get<double>(),
        100 * skill["high"].get<double>(), html_escape(forecaster["verdict"].get<std::string>()));
  }
  return html + "</tr>";
}

}  // namespace

std::string metric_table(const nlohmann::json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("forecasters"))
    return "<p>No evaluation in this run.</p>";
  const std::string reference = evaluation.value("reference", "");
  std::string models, baselines;
  for (const auto& forecaster : evaluation["forecasters"])
    (forecaster["baseline"].get<bool>() ? baselines : models) += row(forecaster, reference);
  return fmt::format(
      "<div class=scroll tabindex=0 role=region aria-label='metric table'><table><caption>Every "
      "forecaster on the same {} cells of the {} range (bins {} to {}), {} step{} ahead, all cells "
      "whether "
      "anything happened or not.</caption><thead><tr><th scope=col>forecaster</th><th scope=col "
      "title='negative log likelihood, lower is better'>NLL</th>"
      "<th scope=col title='continuous ranked probability score, lower is better'>CRPS</th><th "
      "scope=col>MAE</th><th scope=col>RMSE</th>"
      "<th scope=col title='share of the probability integral transform in the central 90 %; 0.90 "
      "is right'>PIT&nbsp;90</th>"
      "<th scope=col title='prediction accuracy index at 5 % of the districts'>PAI&nbsp;5%</th><th "
      "scope=col title='hits against the best possible hits'>PEI&nbsp;5%</th>"
      "<th scope=col>skill against {}, 95&nbsp;% interval</th></tr></thead><tbody>{}</tbody><tbody "
      "class=base>{}</tbody></table></div>",
      evaluation.value("num_cells", 0), html_escape(evaluation["range"].value("name", "test")),
      evaluation["range"].value("begin", 0), evaluation["range"].value("end", 0),
      evaluation.value("horizon", 1), evaluation.value("horizon", 1) == 1 ? "" : "s",
      html_escape(reference), models, baselines);
}

std::string quality_table(const nlohmann::json& quality) {
  if (!quality.is_object()) return "";
  std::string html = "<dl>";
  const auto add = [&](const std::string& label, const std::string& text) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", html_escape(label), html_escape(text));
  };
  add("rows", fmt::format("{} read = {} accepted + {} rejected + {} duplicates",
                          quality.value("rows_read", 0), quality.value("accepted", 0),
                          quality.value("rejected", 0), quality.value("duplicates", 0)));
  const auto kinds = quality.value("rejected_by_kind", nlohmann::json::object());
  for (const auto& [kind, count] : kinds.items()) add("rejected: " + kind, count.dump());
  const auto defaults = quality.value("default_dates", nlohmann::json::object());
  add("default dates", fmt::format("first of month {:.1f} %, 1 January {:.1f} %, 12:00 {:.1f} %",
                                   100 * defaults.value("first_of_month_share", 0.0),
                                   100 * defaults.value("first_of_year_share", 0.0),
                                   100 * defaults.value("noon_share", 0.0)));
  const auto lag = quality.value("report_lag_days", nlohmann::json::object());
  if (lag.contains("median"))
    add("report lag",
        fmt::format("median {} days, 90 % within {}, 99 % within {}", lag["median"].get<int>(),
                    lag["p90"].get<int>(), lag["p99"].get<int>()));
  const auto warnings = quality.value("warnings", nlohmann::json::array());
  for (const auto& warning : warnings) add("warning", warning.get<std::string>());
  return html + "</dl>";
}

}  // namespace precinct::report
