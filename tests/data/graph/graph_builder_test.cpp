// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/graph/graph_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>
#include <sstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/graph/spatial_graph.h"
#include "tests/support/boundaries.h"
#include "tests/support/shared_data.h"

namespace precinct::data {
namespace {

using test::rectangle;
using testing::ElementsAre;
using testing::HasSubstr;
using Pairs = std::map<std::pair<int, int>, double>;

/// Undirected pairs (i < j) of an edge list with their weights.
Pairs pairs_of(const EdgeList& edges) {
  Pairs pairs;
  for (std::size_t e = 0; e < edges.source.size(); ++e)
    if (edges.source[e] < edges.target[e])
      pairs[{edges.source[e], edges.target[e]}] = edges.weight[e];
  return pairs;
}

/// Rows "i,j[,key_i,key_j],metres" of a reference file of borders.
Pairs borders_in(const std::filesystem::path& path) {
  std::istringstream stream(read_file(path));
  std::string line;
  std::getline(stream, line);
  Pairs pairs;
  while (std::getline(stream, line)) {
    const int i = std::stoi(line), j = std::stoi(line.substr(line.find(',') + 1));
    pairs[{i, j}] = std::stod(line.substr(line.rfind(',') + 1));
  }
  return pairs;
}

/// Polygons in the order of the files' node numbers (property idx).
PolygonSet by_index(const std::vector<Feature>& features) {
  std::vector<MultiPolygon> polygons(features.size());
  for (const auto& feature : features)
    polygons.at(std::stoul(feature.properties.at("idx"))) = feature.polygons;
  return PolygonSet(polygons);
}

TEST(Adjacency, ChicagoGivesTheBordersOfItsFile) {
  const auto expected =
      borders_in(std::filesystem::path(PRECINCT_SOURCE_DIR) / "data/chicago/borders.csv");
  ASSERT_EQ(expected.size(), 235U);
  const auto edges = build_adjacency(by_index(test::shipped_districts("chicago")));
  EXPECT_EQ(edges.kind, "adjacency");
  const auto found = pairs_of(edges);
  EXPECT_EQ(found.size(), 235U);
  double difference = 0, relative = 0;
  for (const auto& [pair, metres] : expected) {
    ASSERT_TRUE(found.contains(pair)) << pair.first << "-" << pair.second << " " << metres;
    difference += std::abs(found.at(pair) - metres) / 235;
    relative += std::abs(found.at(pair) - metres) / metres / 235;
  }
  std::cout << "mean difference " << difference << " m, " << 100 * relative << " %\n";
  EXPECT_LT(difference, 30);
  EXPECT_LT(relative, .05);
  EXPECT_THAT(SpatialGraph::from_edges(edges, 98).isolated_nodes(), ElementsAre());
}

TEST(Adjacency, QueenOfChicagoAddsCornersAndLosesNoBorder) {
  const auto polygons = by_index(test::shipped_districts("chicago"));
  const auto rook = pairs_of(build_adjacency(polygons)),
             queen = pairs_of(build_adjacency(polygons, true));
  EXPECT_GT(queen.size(), rook.size());
  for (const auto& [pair, metres] : rook) EXPECT_EQ(queen.at(pair), std::max(metres, 1.0));
}

TEST(Adjacency, WestLaIsOnePieceOf69Districts) {
  const auto edges = build_adjacency(test::polygons_of(test::shipped_districts("west_la")));
  const auto graph = SpatialGraph::from_edges(edges, 69);
  EXPECT_EQ(edges.size() / 2, 143) << "the borders of the standard case wla";
  EXPECT_THAT(graph.isolated_nodes(), ElementsAre());
  std::set<int> reached = {0};
  for (std::vector<int> open = {0}; !open.empty();) {
    const auto node = static_cast<std::size_t>(open.back());
    open.pop_back();
    for (std::int64_t e = graph.row[node]; e < graph.row[node + 1]; ++e) {
      const int next = graph.neighbour[static_cast<std::size_t>(e)];
      if (reached.insert(next).second) open.push_back(next);
    }
  }
  EXPECT_EQ(reached.size(), 69U);
}

TEST(Adjacency, LapdDivisionsHaveThe43BordersOfTheirFile) {
  PRECINCT_NEED_SHARED_DATA("lapd_boundaries/divisions.geojson.xz");
  const auto expected = borders_in(test::shared_data("lapd_boundaries/divisions_edges.csv"));
  const auto features =
      test::features_of(test::shared_data("lapd_boundaries/divisions.geojson.xz"));
  // The file leaves borders under 30 m out.
  const auto found = pairs_of(build_adjacency(by_index(features), false, 30));
  std::set<std::pair<int, int>> a, b;
  for (const auto& [pair, metres] : expected) a.insert(pair);
  for (const auto& [pair, metres] : found) b.insert(pair);
  EXPECT_EQ(a.size(), 43U);
  EXPECT_EQ(a, b);
}

TEST(Adjacency, RookWantsALengthAndQueenACorner) {
  // 0 | 1 side by side, 2 touches 1 at a corner.
  const PolygonSet set({{rectangle(0, 0, .01, .01)},
                        {rectangle(.01, 0, .01, .01)},
                        {rectangle(.02, .01, .01, .01)}});
  const auto rook = build_adjacency(set), queen = build_adjacency(set, true);
  EXPECT_EQ(rook.kind, "adjacency");
  EXPECT_EQ(queen.kind, "queen");
  ASSERT_EQ(pairs_of(rook).size(), 1U);
  EXPECT_NEAR(pairs_of(rook).at({0, 1}), 1'106, 5);
  ASSERT_EQ(pairs_of(queen).size(), 2U);
  EXPECT_GE(pairs_of(queen).at({1, 2}), 1) << "a weight is positive, be it a corner's";
  EXPECT_THAT(SpatialGraph::from_edges(rook, 3).isolated_nodes(), ElementsAre(2));
}

std::vector<Node> row_of_nodes(int count) {
  std::vector<Node> nodes;
  for (int i = 0; i < count; ++i) {
    nodes.push_back({"d" + std::to_string(i), "", "", 1, 0, .01 * i});
  }
  return nodes;
}

TEST(KNearest, NeighboursOnALineAreTheNearestMadeSymmetric) {
  auto nodes = row_of_nodes(5);
  nodes[4].longitude = 1;  // far away: its nearest is 3, whose nearest is 2
  const auto edges = build_k_nearest(nodes, 1);
  EXPECT_EQ(edges.kind, "knn");
  const auto pairs = pairs_of(edges);
  EXPECT_TRUE(pairs.contains({3, 4}));
  EXPECT_TRUE(pairs.contains({0, 1}));
  EXPECT_NEAR(pairs.at({0, 1}), 1 / 1.112, .001) << "1 / km; a hundredth of a degree is 1.112 km";
  const auto graph = SpatialGraph::from_edges(edges, 5);
  EXPECT_THAT(graph.isolated_nodes(), ElementsAre());
}

TEST(KNearest, EachNodeHasAtLeastKNeighboursAndTheyAreTheNearest) {
  std::vector<Node> nodes;
  const auto set = test::polygons_of(test::shipped_districts("west_la"));
  for (int i = 0; i < set.size(); ++i)
    nodes.push_back({std::to_string(i), "", "", 1, set.centroid(i).y, set.centroid(i).x});
  const auto graph = SpatialGraph::from_edges(build_k_nearest(nodes, 6), 69);
  const double k = std::cos(34.05 * std::numbers::pi / 180);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    ASSERT_GE(graph.degree(static_cast<std::int64_t>(i)), 6);
    std::vector<std::pair<double, std::size_t>> order;  // flat distances serve at this size
    for (std::size_t j = 0; j < nodes.size(); ++j)
      if (j != i)
        order.emplace_back(std::hypot((nodes[i].longitude - nodes[j].longitude) * k,
                                      nodes[i].latitude - nodes[j].latitude),
                           j);
    std::sort(order.begin(), order.end());
    const std::set<std::size_t> neighbours(graph.neighbour.begin() + graph.row[i],
                                           graph.neighbour.begin() + graph.row[i + 1]);
    for (std::size_t n = 0; n < 5; ++n) EXPECT_TRUE(neighbours.contains(order[n].second)) << i;
  }
}

TEST(KNearest, KMustLieBetweenOneAndTheOthers) {
  EXPECT_THROW(build_k_nearest(row_of_nodes(3), 0), ConfigError);
  EXPECT_THROW(build_k_nearest(row_of_nodes(3), 3), ConfigError);
  EXPECT_EQ(pairs_of(build_k_nearest(row_of_nodes(3), 2)).size(), 3U);
}

TEST(Grid, CellsHaveFourOrEightNeighboursInside) {
  const auto rook = SpatialGraph::from_edges(build_grid(3, 4, false), 12),
             queen = SpatialGraph::from_edges(build_grid(3, 4), 12);
  EXPECT_EQ(rook.degree(0), 2);
  EXPECT_EQ(rook.degree(5), 4);
  EXPECT_EQ(queen.degree(0), 3);
  EXPECT_EQ(queen.degree(5), 8);
  EXPECT_THAT(
      std::vector<int>(rook.neighbour.begin() + rook.row[5], rook.neighbour.begin() + rook.row[6]),
      ElementsAre(1, 4, 6, 9));
  EXPECT_EQ(build_grid(1, 1).size(), 0);
}

std::string edge_file_message(const std::string& text) {
  try {
    parse_edge_file(text, row_of_nodes(4), "edges.csv");
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(EdgeFile, CodesBecomeNodesAndWeightsAreKept) {
  const auto edges = parse_edge_file(
      "source,target,weight\r\nd2,d0,5\r\n\r\nd0,d2,7.5\r\nd1,d2\r\n", row_of_nodes(4), "e");
  EXPECT_EQ(edges.kind, "file");
  EXPECT_EQ(pairs_of(edges), (Pairs{{{0, 2}, 7.5}, {{1, 2}, 1}}));
  EXPECT_THAT(SpatialGraph::from_edges(edges, 4).isolated_nodes(), ElementsAre(3));
}

TEST(EdgeFile, BadRowsAreRefusedWithFileAndLine) {
  EXPECT_EQ(edge_file_message("source,target\nd0,d1\n"), "accepted");
  EXPECT_THAT(edge_file_message(""), HasSubstr("edges.csv:1: expected a header source,target"));
  EXPECT_THAT(edge_file_message("\n"), HasSubstr("expected a header source,target"));
  EXPECT_THAT(edge_file_message("a,b\nd0,d1\n"), HasSubstr("edges.csv:1: expected a header"));
  EXPECT_THAT(edge_file_message("source,target\nd0\n"),
              HasSubstr("edges.csv:2: expected source,target"));
  EXPECT_THAT(edge_file_message("source,target\nd0,d1\nd0,d9\n"),
              HasSubstr("edges.csv:3: expected a district's code, found 'd9'"));
  for (const char* weight : {"0", "-1", "x", "", "1x", "nan", "inf"})
    EXPECT_THAT(edge_file_message(std::string("source,target,weight\nd0,d1,") + weight + ",\n"),
                HasSubstr("edges.csv:2: weight: expected a number > 0"))
        << weight;
}

}  // namespace
}  // namespace precinct::data
