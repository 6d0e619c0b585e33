// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "data/graph/graph_builder.h"
#include "data/graph/spatial_graph.h"
#include "data/loader/split.h"
#include "data/panel.h"
#include "tests/support/npz.h"
#include "tests/support/shared_data.h"

namespace precinct::test {

inline constexpr const char* kChicagoCounts = "crime_chicago/chi_counts.npz";
inline constexpr const char* kWestLaCounts = "crime_la_incidents/west_la_rd_daily.npz";
inline constexpr const char* kLapdEdges = "lapd_boundaries/reporting_districts_edges.csv";

/// Protocol P1 of the accuracy targets: 14 x 12 cells row-major with 8 neighbours, 731 days, 4
/// categories; never-hit cells are kept.
inline data::Panel protocol_p1() {
  const NpyArray counts = read_npz(shared_data(kChicagoCounts)).at("counts");
  constexpr std::int64_t kRows = 14, kColumns = 12;
  data::Panel panel;
  panel.num_bins = counts.shape.at(2);
  panel.num_nodes = kRows * kColumns;
  panel.num_categories = counts.shape.at(3);
  panel.axis = BinAxis(BinSpec::parse("day"), {days_from_civil(2016, 1, 1), 0});
  panel.time_zone = "America/Chicago";
  std::vector<std::uint32_t> values;
  for (std::int64_t t = 0; t < panel.num_bins; ++t)
    for (std::int64_t n = 0; n < panel.num_nodes; ++n)
      for (std::int64_t c = 0; c < panel.num_categories; ++c)
        values.push_back(static_cast<std::uint32_t>(
            counts.at((n * panel.num_bins + t) * panel.num_categories + c)));
  panel.counts = data::CountArray::from_u32(values);
  for (std::int64_t n = 0; n < panel.num_nodes; ++n)
    panel.nodes.push_back({"cell" + std::to_string(n), "", "", 9, 41.6 + 0.027 * (n / kColumns),
                           -87.9 + 0.036 * (n % kColumns)});
  for (const char* name : {"theft", "battery", "assault", "damage"})
    panel.categories.push_back({name, name, false});
  panel.graph = data::build_grid(kRows, kColumns, true);
  return panel;
}

/// Split of P1.
inline data::Split split_p1() {
  return data::Split::by_bins(731, {0, 609}, {609, 639}, {639, 731}, 1);
}

/// Protocol P3d: 69 West LA reporting districts, 504 days, Part 1 and Part 2; shared borders from
/// the edge file of all reporting districts.
inline data::Panel protocol_p3d() {
  const auto arrays = read_npz(shared_data(kWestLaCounts));
  const NpyArray &counts = arrays.at("counts"), &codes = arrays.at("rd");
  data::Panel panel;
  panel.num_bins = counts.shape.at(0);
  panel.num_nodes = counts.shape.at(1);
  panel.num_categories = counts.shape.at(2);
  panel.axis = BinAxis(BinSpec::parse("day"), {days_from_civil(2020, 3, 15), 0});
  panel.time_zone = "America/Los_Angeles";
  std::vector<std::uint32_t> values;
  for (std::int64_t i = 0; i < counts.size(); ++i)
    values.push_back(static_cast<std::uint32_t>(counts.at(i)));
  panel.counts = data::CountArray::from_u32(values);
  std::map<std::string, std::int32_t> node_of;
  for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
    const std::string code = std::to_string(static_cast<std::int64_t>(codes.at(n)));
    node_of[code] = static_cast<std::int32_t>(n);
    panel.nodes.push_back({code, "", "", 1, 34, -118.4});
  }
  panel.categories = {{"part1", "Part 1", false}, {"part2", "Part 2", false}};
  std::vector<std::int32_t> source, target;
  std::vector<float> metres;
  std::ifstream file(shared_data(kLapdEdges));
  std::string line;
  std::getline(file, line);  // i,j,key_i,key_j,border_m
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::vector<std::string> field(5);
    for (std::string& text : field) std::getline(fields, text, ',');
    const auto a = node_of.find(field[2]), b = node_of.find(field[3]);
    if (a == node_of.end() || b == node_of.end()) continue;
    source.push_back(a->second);
    target.push_back(b->second);
    metres.push_back(std::stof(field[4]));
  }
  panel.graph = data::make_symmetric("adjacency", source, target, metres);
  return panel;
}

/// Split of P3d.
inline data::Split split_p3d() {
  return data::Split::by_bins(504, {0, 378}, {378, 420}, {420, 504}, 1);
}

}  // namespace precinct::test
