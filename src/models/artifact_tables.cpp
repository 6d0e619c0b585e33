// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/artifact_tables.h"

#include <fmt/format.h>

#include <charconv>

#include "base/civil_time.h"
#include "base/error.h"

namespace precinct::models {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// Records of a CSV text that we wrote ourselves.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      rows.back().back() += text[++i];
    } else if (c == '"') {
      inside = !inside;
    } else if (!inside && c == ',') {
      rows.back().emplace_back();
    } else if (!inside && c == '\n') {
      rows.emplace_back(1);
    } else {
      rows.back().back() += c;
    }
  }
  if (rows.back().size() == 1 && rows.back()[0].empty()) rows.pop_back();
  return rows;
}

double number(const std::string& text, const std::string& where, std::size_t line) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  PRECINCT_CHECK(error == std::errc() && end == text.data() + text.size(), DataError,
                 "{}:{}: expected a number, found '{}'; use another copy", where, line, text);
  return value;
}

std::vector<std::vector<std::string>> parse_table(const std::string& text, const std::string& where,
                                                  std::size_t columns) {
  auto rows = parse_csv(text);
  for (std::size_t i = 0; i < rows.size(); ++i)
    PRECINCT_CHECK(rows[i].size() == columns, DataError,
                   "{}:{}: expected {} fields, found {}; use another copy", where, i + 1, columns,
                   rows[i].size());
  PRECINCT_CHECK(!rows.empty(), DataError,
                 "{}:1: expected a header, found an empty file; use another copy", where);
  rows.erase(rows.begin());
  return rows;
}

std::string score_lines(const nlohmann::json& evaluation) {
  if (evaluation.is_null()) return "It was not scored.\n";
  std::string text =
      "| forecaster | NLL | CRPS | RMSE | against the reference |\n|---|---|---|---|---|\n";
  for (const auto& row : evaluation.at("forecasters")) {
    if (!row.contains("total")) return "It was not scored.\n";
    const auto& total = row.at("total");
    const auto figure = [&](const char* name) {
      return total.contains(name) && total.at(name).is_number()
                 ? fmt::format("{:.4f}", total.at(name).get<double>())
                 : std::string("-");
    };
    text += fmt::format("| {} | {} | {} | {} | {} |\n", row.at("name").get<std::string>(),
                        figure("NLL"), figure("CRPS"), figure("RMSE"),
                        row.value("verdict", std::string()));
  }
  return text;
}

}  // namespace

std::string nodes_csv(const std::vector<data::Node>& nodes) {
  std::string text = "index,code,name,parent,area_km2,latitude,longitude\n";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& n = nodes[i];
    text += fmt::format("{},{},{},{},{},{},{}\n", i, quoted(n.code), quoted(n.name),
                        quoted(n.parent), n.area_km2, n.latitude, n.longitude);
  }
  return text;
}

std::vector<data::Node> parse_nodes(const std::string& text, const std::string& where) {
  std::vector<data::Node> nodes;
  for (const auto& row : parse_table(text, where, 7)) {
    const std::size_t line = nodes.size() + 2;
    nodes.push_back({row[1], row[2], row[3], number(row[4], where, line),
                     number(row[5], where, line), number(row[6], where, line)});
  }
  return nodes;
}

std::string categories_csv(const std::vector<data::Category>& categories) {
  std::string text = "index,code,name,discovered_by_officer\n";
  for (std::size_t i = 0; i < categories.size(); ++i)
    text += fmt::format("{},{},{},{}\n", i, quoted(categories[i].code), quoted(categories[i].name),
                        categories[i].discovered_by_officer ? 1 : 0);
  return text;
}

std::vector<data::Category> parse_categories(const std::string& text, const std::string& where) {
  std::vector<data::Category> categories;
  for (const auto& row : parse_table(text, where, 4))
    categories.push_back({row[1], row[2], row[3] == "1"});
  return categories;
}

std::string model_card(const Artifact& artifact, const data::Panel& panel) {
  const auto& range = artifact.features.fit_range;
  std::string categories;
  for (const auto& c : artifact.categories)
    categories +=
        fmt::format("{}{}{}", categories.empty() ? "" : ", ", c.name.empty() ? c.code : c.name,
                    c.discovered_by_officer ? " (discovered by officers)" : "");
  return fmt::format(
      "# Model card: {model}\n\n"
      "Forecasts recorded counts per district, category and bin ({bin}): {horizon} bins ahead from "
      "the last {lookback}, "
      "as a distribution (head {head}, anchor {anchor}).\n\n"
      "- Districts: {nodes}. Categories: {categories}.\n"
      "- Learnt from bins {first} to {last} ({zone}); panel sha256 {hash}.\n"
      "- Seed {seed}; weights: model.safetensors (names as PyTorch's), configuration: "
      "config.yaml.\n\n"
      "## Scores on the test range\n\n{scores}\n"
      "## What it is for, and what not\n\n"
      "For planning by place and time, always beside a baseline and with its uncertainty. Not for "
      "scoring, ranking or "
      "selecting persons. Recorded crime is not crime: reports depend on who calls and where "
      "officers look. When the "
      "way of recording changes, it must be trained again.\n",
      fmt::arg("model", artifact.config.model.name), fmt::arg("bin", artifact.bin),
      fmt::arg("horizon", artifact.config.data.horizon),
      fmt::arg("lookback", artifact.config.data.lookback),
      fmt::arg("head", artifact.config.head.name),
      fmt::arg("anchor", artifact.anchor ? "gamma-Poisson" : "none"),
      fmt::arg("nodes", artifact.nodes.size()), fmt::arg("categories", categories),
      fmt::arg("first", format_date(panel.axis.start_of(range.begin).day)),
      fmt::arg("last", format_date(panel.axis.last_day_of(range.end - 1))),
      fmt::arg("zone", artifact.time_zone), fmt::arg("hash", artifact.panel_hash),
      fmt::arg("seed", artifact.config.run.seed),
      fmt::arg("scores", score_lines(artifact.evaluation)));
}

}  // namespace precinct::models
