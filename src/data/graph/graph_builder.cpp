// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/graph/graph_builder.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>
#include <unordered_map>

#include "base/error.h"
#include "data/graph/spatial_graph.h"

namespace precinct::data {
namespace {

struct Pairs {
  std::vector<std::int32_t> source, target;
  std::vector<float> weight;
  void add(std::int64_t i, std::int64_t j, double w) {
    source.push_back(static_cast<std::int32_t>(i));
    target.push_back(static_cast<std::int32_t>(j));
    weight.push_back(static_cast<float>(w));
  }
  EdgeList symmetric(const std::string& kind) const {
    return make_symmetric(kind, source, target, weight);
  }
};

/// Great-circle distance (haversine), km.
double distance_km(const Node& a, const Node& b) {
  constexpr double kRadians = std::numbers::pi / 180;
  const double dy = (b.latitude - a.latitude) * kRadians,
               dx = (b.longitude - a.longitude) * kRadians;
  const double h = std::pow(std::sin(dy / 2), 2) + std::cos(a.latitude * kRadians) *
                                                       std::cos(b.latitude * kRadians) *
                                                       std::pow(std::sin(dx / 2), 2);
  return 2 * 6371.0 * std::asin(std::sqrt(std::min(1.0, h)));
}

}  // namespace

EdgeList build_adjacency(const PolygonSet& polygons, bool queen, double min_metres) {
  constexpr double kBufferMetres = 20;
  Pairs pairs;
  for (const Border& border :
       polygons.borders(kBufferMetres, queen ? -kBufferMetres : min_metres)) {
    pairs.add(border.first, border.second, std::max(border.metres, 1.0));
  }
  return pairs.symmetric(queen ? "queen" : "adjacency");
}

EdgeList build_k_nearest(const std::vector<Node>& nodes, int k) {
  PRECINCT_CHECK(nodes.size() > 1, ConfigError,
                 "--graph knn:K: expected two districts or more, found {}; choose --graph none",
                 nodes.size());
  PRECINCT_CHECK(k >= 1 && k < static_cast<int>(nodes.size()), ConfigError,
                 "--graph knn:K: expected K from 1 to {}, found {}; name fewer neighbours than "
                 "there are other districts",
                 nodes.size() - 1, k);
  Pairs pairs;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t j = 0; j < nodes.size(); ++j) {
      if (j != i) order.emplace_back(distance_km(nodes[i], nodes[j]), j);
    }
    std::partial_sort(order.begin(), order.begin() + k, order.end());
    for (int n = 0; n < k; ++n) {
      const auto& [km, j] = order[static_cast<std::size_t>(n)];
      pairs.add(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j),
                1.0 / std::max(km, 1e-3));
    }
  }
  return pairs.symmetric("knn");
}

EdgeList build_grid(std::int64_t rows, std::int64_t columns, bool queen) {
  Pairs pairs;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t dr = -1; dr <= 1; ++dr) {
        for (std::int64_t dc = -1; dc <= 1; ++dc) {
          const bool inside = r + dr >= 0 && r + dr < rows && c + dc >= 0 && c + dc < columns;
          if ((dr == 0 && dc == 0) || !inside || (!queen && dr != 0 && dc != 0)) continue;
          pairs.add(r * columns + c, (r + dr) * columns + c + dc, 1);
        }
      }
    }
  }
  return pairs.symmetric(queen ? "queen" : "adjacency");
}

EdgeList parse_edge_file(const std::string& text, const std::vector<Node>& nodes,
                         const std::string& where) {
  std::unordered_map<std::string, std::int64_t> index;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    index[nodes[i].code] = static_cast<std::int64_t>(i);
  std::istringstream stream(text);
  std::string line;
  Pairs pairs;
  for (int number = 1; std::getline(stream, line) || number == 1; ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() && number > 1) continue;
    std::vector<std::string> fields;
    std::istringstream row(line);
    for (std::string field; std::getline(row, field, ',');) fields.push_back(field);
    if (number == 1) {
      PRECINCT_CHECK(
          fields.size() >= 2 && fields[0] == "source" && fields[1] == "target", DataError,
          "{}:1: expected a header source,target[,weight], found '{}'; write it so", where, line);
      continue;
    }
    PRECINCT_CHECK(fields.size() >= 2, DataError,
                   "{}:{}: expected source,target[,weight], found '{}'; write it so or remove it",
                   where, number, line);
    for (int side = 0; side < 2; ++side) {
      PRECINCT_CHECK(
          index.contains(fields[static_cast<std::size_t>(side)]), DataError,
          "{}:{}: expected a district's code, found '{}'; the districts are those of the panel",
          where, number, fields[static_cast<std::size_t>(side)]);
    }
    double weight = 1;
    if (fields.size() > 2) {
      char* end = nullptr;
      weight = std::strtod(fields[2].c_str(), &end);
      PRECINCT_CHECK(end != fields[2].c_str() && *end == 0 && weight > 0 && std::isfinite(weight),
                     DataError,
                     "{}:{}: weight: expected a number > 0, found '{}'; correct it or leave it out",
                     where, number, fields[2]);
    }
    pairs.add(index[fields[0]], index[fields[1]], weight);
  }
  return pairs.symmetric("file");
}

}  // namespace precinct::data
