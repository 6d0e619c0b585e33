// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/html_page.h"

#include <fmt/format.h>

#include <cmath>

#include "base/atomic_file.h"
#include "base/error.h"
#include "report/page_script.h"
#include "report/tables.h"

namespace precinct::report {
namespace {

template <typename T>
nlohmann::json rounded(const std::vector<T>& values, double step) {
  nlohmann::json list = nlohmann::json::array();
  for (const T value : values) list.push_back(std::round(static_cast<double>(value) / step) * step);
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

nlohmann::json page_json(const ReportData& data) {
  nlohmann::json models = nlohmann::json::array();
  for (const auto& m : data.models) {
    models.push_back({{"name", m.name},
                      {"mean", rounded(m.mean, 1e-4)},
                      {"low", rounded(m.low, 1)},
                      {"high", rounded(m.high, 1)},
                      {"testMean", rounded(m.test_mean, 1e-3)},
                      {"testLow", rounded(m.test_low, 1e-1)},
                      {"testHigh", rounded(m.test_high, 1e-1)},
                      {"curve", m.curve}});
  }
  nlohmann::json names = nlohmann::json::array();  // the names reach the page's hover texts as HTML
  for (const auto& name : data.district_names) names.push_back(html_escape(name));
  return {{"districts", data.districts},
          {"names", names},
          {"categories", data.categories},
          {"bins", data.coming_bins},
          {"bin", data.bin_word},
          {"outlines", outlines_json(data)},
          {"recent", rounded(data.recent, 1e-4)},
          {"models", models},
          {"testBins", data.test_bins},
          {"testActual", data.test_actual},
          {"evaluation", data.evaluation}};
}

std::string controls(const ReportData& data) {
  const bool has_map = !data.outlines.empty();
  std::string html =
      "<div class=controls><label>category<select "
      "id=category></select></label><label>forecaster<select id=model></select></label>";
  if (has_map) {
    html +=
        "<label>map shows<select id=layer><option value=forecast>forecast of one "
        "bin</option><option value=week>forecast, all bins</option>"
        "<option value=recent>history: last 28 days</option></select></label>"
        "<label class=wide><span>time: <b id=time-text></b></span><input id=time type=range min=0 "
        "max=0 value=0 step=1></label>";
  }
  return html + "</div>";
}

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
  std::string facts;
  for (const auto& [label, text] : data.facts)
    facts += fmt::format("<dt>{}</dt><dd>{}</dd>", html_escape(label), html_escape(text));
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
      "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src "
      "'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">\n"
      "<meta name=viewport content=\"width=device-width,initial-scale=1\"><link rel=icon "
      "href=\"data:,\"><title>{0}</title><style>{1}</style></head>\n"
      "<body><main><h1>{0}</h1><p class=lead>{2}</p><p class=meta>{3}</p>\n",
      html_escape(data.title), kPageStyle, html_escape(data.headline), html_escape(data.generated));
  html += fmt::format(
      "<section aria-labelledby=h-map><h2 id=h-map>The coming bins, district by "
      "district</h2>{}{}</section>\n",
      controls(data),
      data.outlines.empty() ? "<p>The panel has no polygons, so there is no map.</p>"
                            : "<div id=map class=plot role=img aria-label='map of districts "
                              "coloured by expected incidents'></div>");
  html +=
      "<section aria-labelledby=h-series><h2 id=h-series>Recorded against forecast, test "
      "range</h2><div id=series class=plot role=img aria-label='recorded and forecast totals per "
      "bin'></div>"
      "<p class=meta>Totals over all districts, forecast one step ahead with what was known then. "
      "The band assumes districts vary independently.</p></section>\n";
  html += fmt::format(
      "<section aria-labelledby=h-table><h2 id=h-table>How good it is</h2>{}</section>\n",
      metric_table(data.evaluation));
  html +=
      "<div class=pair><section aria-labelledby=h-curves><h2 id=h-curves>Training</h2><div "
      "id=curves class=plot role=img aria-label='validation loss per epoch'></div></section>"
      "<section aria-labelledby=h-pit><h2 id=h-pit>Calibration</h2><div id=pit class=plot role=img "
      "aria-label='density of the probability integral transform'></div></section></div>\n";
  const std::string quality = quality_table(data.quality);
  if (!quality.empty())
    html += fmt::format(
        "<section aria-labelledby=h-quality><h2 id=h-quality>Data quality</h2>{}</section>\n",
        quality);
  html += fmt::format(
      "<section aria-labelledby=h-facts><h2 id=h-facts>Where this comes from</h2><dl>{}</dl>"
      "<p class=meta>Places, not persons: nothing here scores a person. Recorded incidents are not "
      "all incidents: reports depend on who calls and where officers look.</p></section>\n",
      facts);
  html += "</main><script>" + plotly_script +
          "</script>\n<script>var report=" + script_json(page_json(data)) + ";</script>\n<script>" +
          kPageScript + "</script></body></html>\n";
  return html;
}

}  // namespace precinct::report
