// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/html_page.h"

#include <fmt/format.h>

#include <cmath>
#include <regex>

#include "base/atomic_file.h"
#include "base/error.h"
#include "report/page_script.h"
#include "report/tables.h"

namespace precinct::report {
namespace {

/// Values rounded to 1 / `scale`; null for what is not a number.
template <typename T>
nlohmann::json rounded(const std::vector<T>& values, double scale) {
  nlohmann::json list = nlohmann::json::array();
  for (const T value : values) {
    const double number = std::round(static_cast<double>(value) * scale) / scale;
    if (!std::isfinite(number)) {
      list.push_back(nullptr);
    } else if (scale == 1) {
      list.push_back(static_cast<std::int64_t>(number));
    } else {
      list.push_back(number);
    }
  }
  return list;
}

nlohmann::json outlines_json(const ReportData& data) {
  nlohmann::json districts = nlohmann::json::array();
  for (const auto& parts : data.outlines) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& ring : parts) {
      nlohmann::json points = nlohmann::json::array();
      for (const auto& [x, y] : ring)
        points.push_back({std::round(x * 1e5) / 1e5, std::round(y * 1e5) / 1e5});
      list.push_back(points);
    }
    districts.push_back(list);
  }
  return districts;
}

/// PIT histograms of the networks and the reference: all that the script needs of the evaluation.
nlohmann::json calibration_json(const nlohmann::json& evaluation) {
  nlohmann::json list = nlohmann::json::array();
  if (!evaluation.is_object() || !evaluation.contains("forecasters")) return list;
  const std::string reference = evaluation.value("reference", "");
  for (const auto& f : evaluation["forecasters"]) {
    if (f["baseline"].get<bool>() && f["name"] != reference) continue;
    if (f["total"].contains("NLL")) list.push_back({{"name", f["name"]}, {"pit", f["pit"]}});
  }
  return list;
}

nlohmann::json page_json(const ReportData& data) {
  nlohmann::json models = nlohmann::json::array();
  std::size_t first = 0;
  for (std::size_t i = 0; i < data.models.size(); ++i) {
    const auto& m = data.models[i];
    if (m.name == data.shown_first) first = i;
    models.push_back({{"name", m.name},
                      {"band", m.has_band},
                      {"mean", rounded(m.mean, 1e4)},
                      {"low", rounded(m.low, 1)},
                      {"high", rounded(m.high, 1)},
                      {"sumLow", rounded(m.sum_low, 1)},
                      {"sumHigh", rounded(m.sum_high, 1)},
                      {"testMean", rounded(m.test_mean, 1e3)},
                      {"testLow", rounded(m.test_low, 1)},
                      {"testHigh", rounded(m.test_high, 1)},
                      {"curve", m.curve}});
  }
  return {{"names", data.district_names},
          {"categories", data.categories},
          {"bins", data.coming_bins},
          {"bin", data.bin_word},
          {"block", data.block_word},
          {"blockLabel", data.block_label},
          {"pastBlocks", data.past_blocks},
          {"past", rounded(data.past, 1e2)},
          {"outlines", outlines_json(data)},
          {"models", models},
          {"first", first},
          {"testBins", data.test_bins},
          {"testActual", rounded(data.test_actual, 1)},
          {"calibration", calibration_json(data.evaluation)}};
}

std::string select(const char* id, const char* label, const char* options = "") {
  return fmt::format("<label>{}<select id={}>{}</select></label>", label, id, options);
}

std::string controls(const ReportData& data) {
  return "<div class=controls>" +
         select("layer", "show",
                "<option value=bin>forecast, one bin at a time</option><option "
                "value=block>forecast, all bins together</option><option value=past>history, as "
                "recorded</option>") +
         select("category", "category") + select("model", "forecaster") +
         "<label class=wide for=time><span>time: <b id=time-text></b></span><span class=slider>"
         "<button type=button id=earlier aria-label='one step earlier'>&#9664;</button><input "
         "id=time type=range min=0 max=0 value=0 step=1><button type=button id=later "
         "aria-label='one step later'>&#9654;</button></span></label></div>" +
         (data.outlines.empty() ? "<p>The panel has no polygons, so there is no map.</p>" : "");
}

std::string map_section(const ReportData& data) {
  const std::string map =
      data.outlines.empty()
          ? ""
          : "<figure><div id=map class=plot role=img aria-label='map of districts, coloured by "
            "incidents; the table beside it holds the same figures'></div><div id=legend "
            "aria-hidden=true><span id=legend-unit></span><div id=legend-bar></div><div "
            "id=legend-ticks></div></div></figure>";
  return fmt::format(
      "<section aria-labelledby=h-map><h2 id=h-map>District by district</h2>{}"
      "<div class='map-pair{}'>{}<div class=side><h3 id=top-title></h3><div class=scroll "
      "tabindex=0 role=region aria-labelledby=top-title><table id=top><thead><tr><th "
      "scope=col>district</th><th scope=col id=top-value></th><th scope=col "
      "id=top-range>90&nbsp;% range</th><th scope=col id=top-usual></th></tr></thead>"
      "<tbody></tbody></table></div><p class=meta id=top-note></p></div></div>"
      "<div class=district>{}<p id=district-text aria-live=polite></p></div><div id=district-plot "
      "class=plot role=img aria-label='recorded sums and the forecast of one district'></div>"
      "</section>\n",
      controls(data), data.outlines.empty() ? " no-map" : "", map,
      select("district", "history and forecast of"));
}

std::string plot_section(const char* id, const char* title, const char* describes,
                         const std::string& below) {
  return fmt::format(
      "<section aria-labelledby=h-{0}><h2 id=h-{0}>{1}</h2><div id={0} class=plot role=img "
      "aria-label='{2}'></div>{3}</section>\n",
      id, title, describes, below);
}

/// Escaped, with dates and percentages that do not break over two lines.
std::string sentence(std::string_view text) {
  static const std::regex kDate("[0-9]{4}-[0-9]{2}-[0-9]{2}"), kPercent("([0-9]) %");
  const std::string dated =
      std::regex_replace(html_escape(text), kDate, "<span class=date>$&</span>");
  return std::regex_replace(dated, kPercent, "$1&nbsp;%");
}

std::string introduction(const ReportData& data) {
  std::string html =
      fmt::format("<h1>{}</h1><p class=lead>{}</p>", sentence(data.title), sentence(data.lead));
  if (!data.verdict.empty())
    html += fmt::format(
        "<p class='note {}' id=verdict><b>{}</b> {}</p>", data.is_better ? "good" : "warn",
        data.is_better ? "Worth using." : "Read this first.", sentence(data.verdict));
  if (!data.weights.empty()) html += fmt::format("<p id=weights>{}</p>", sentence(data.weights));
  return html + fmt::format("<p class=meta>{}</p>\n", html_escape(data.generated));
}

constexpr const char* kHowToRead =
    "<p class=meta>NLL and CRPS judge the whole forecast distribution, MAE and RMSE its mean; "
    "lower is better. PIT 90 is right at 0.90: below, the ranges are too narrow. PAI and PEI say "
    "how well the forecast ranks places. Skill is the share of the reference's NLL that is saved; "
    "when its interval holds 0 the forecaster is no better than the reference.</p>";

constexpr const char* kScope =
    "<section aria-labelledby=h-scope><h2 id=h-scope>What this may be used for</h2><ul>"
    "<li><b>Places, not persons.</b> It counts what is expected in a district. It scores no "
    "person, and must not be used to score, rank or select one. No field about a person reached a "
    "model.</li>"
    "<li><b>Recorded incidents are not all incidents.</b> Records depend on who calls and on where "
    "officers look. More patrols find more; a forecast from such records can feed itself.</li>"
    "<li><b>A change in how records are kept looks like a change in what happens.</b> Ask whether "
    "the source changed before reading a fall or a rise.</li>"
    "<li><b>A forecast is a range.</b> Plan with the 90 % range, not with the mean alone; where a "
    "network is no better than the baseline, the baseline is the better choice: it is "
    "simpler.</li></ul></section>\n";

}  // namespace

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string script_json(const nlohmann::json& json) {
  std::string out;
  for (const char c :
       json.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace)) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

std::string load_plotly(const std::filesystem::path& dependencies) {
  const auto path = dependencies / "plotly" / "plotly.min.js";
  PRECINCT_CHECK(std::filesystem::exists(path), IoError,
                 "{}: No such file; expected Plotly's script; run scripts/setup, or set "
                 "PRECINCT_DEPS to its folder",
                 path.string());
  return read_file(path);
}

std::string html_page(const ReportData& data, const std::string& plotly_script) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
      "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src "
      "'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">\n"
      "<meta name=viewport content=\"width=device-width,initial-scale=1\"><meta "
      "name=color-scheme content=\"light dark\"><link rel=icon href=\"data:,\"><title>{}</title>"
      "<style>{}</style></head>\n<body><main>",
      html_escape(data.title), kPageStyle);
  html += introduction(data) + map_section(data);
  html += plot_section(
      "series", "Recorded against forecast, test range", "recorded and forecast totals per bin",
      "<p id=series-text></p><p class=meta>Totals over all districts. Each bin was forecast from "
      "the bin before it, with what was known then. The band takes districts and categories as "
      "independent, so it is too narrow where they rise and fall together.</p>");
  html += fmt::format(
      "<section aria-labelledby=h-table><h2 id=h-table>How good it is</h2>{}{}{}</section>\n",
      metric_table(data.evaluation), kHowToRead, breakdown_table(data.evaluation));
  html += "<div class=pair>" +
          plot_section("curves", "Training", "loss per epoch",
                       "<p class=meta>Before the test range was seen; lower is better.</p>") +
          plot_section("pit", "Calibration", "density of the probability integral transform",
                       "<p class=meta>A flat line at 1 means that the stated chances are "
                       "right.</p>") +
          "</div>";
  html += fmt::format(
      "<section aria-labelledby=h-quality><h2 id=h-quality>Data quality</h2>{}{}</section>\n",
      facts_list(data.panel_facts), quality_table(data.quality));
  html += kScope;
  html += fmt::format(
      "<section aria-labelledby=h-facts><h2 id=h-facts>Where this comes from</h2>{}</section>\n",
      facts_list(data.provenance));
  return html + "</main><script>" + plotly_script +
         "</script>\n<script>var report=" + script_json(page_json(data)) +
         ";</script>\n<script>(function(){\n\"use strict\";\n" + kPageScript + kChartScript +
         "})();\n</script></body></html>\n";
}

}  // namespace precinct::report
