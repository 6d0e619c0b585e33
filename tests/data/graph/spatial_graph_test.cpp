// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/graph/spatial_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "base/error.h"
#include "base/rng.h"
#include "tests/support/long_form.h"

namespace precinct::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A path 0 - 1 - 2 and the isolated node 3.
EdgeList path() { return {"adjacency", {0, 1, 1, 2}, {1, 0, 2, 1}, {10, 10, 20, 20}}; }

std::string message_of(const EdgeList& edges, std::int64_t num_nodes = 4) {
  try {
    SpatialGraph::from_edges(edges, num_nodes);
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SpatialGraph, CompressedRowsHoldTheNeighboursInRisingOrder) {
  const auto graph = SpatialGraph::from_edges(path(), 4);
  EXPECT_EQ(graph.num_nodes, 4);
  EXPECT_THAT(graph.row, ElementsAre(0, 1, 3, 4, 4));
  EXPECT_THAT(graph.neighbour, ElementsAre(1, 0, 2, 1));
  EXPECT_THAT(graph.weight, ElementsAre(10, 10, 20, 20));
  EXPECT_EQ(graph.degree(1), 2);
  EXPECT_EQ(graph.degree(3), 0);
}

TEST(SpatialGraph, IsolatedNodesAreReported) {
  EXPECT_THAT(SpatialGraph::from_edges(path(), 4).isolated_nodes(), ElementsAre(3));
  EXPECT_THAT(SpatialGraph::from_edges(path(), 3).isolated_nodes(), ElementsAre());
  EXPECT_THAT(SpatialGraph::from_edges({}, 2).isolated_nodes(), ElementsAre(0, 1));
}

TEST(SpatialGraph, BrokenInvariantsAreRefusedNamingTheEdge) {
  EXPECT_EQ(message_of(path()), "accepted");
  EdgeList edges = path();
  edges.weight.pop_back();
  EXPECT_THAT(message_of(edges), HasSubstr("as many sources as targets and weights"));
  edges = path();
  edges.target[3] = 4;
  EXPECT_THAT(message_of(edges), HasSubstr("edge 3: expected nodes below 4, found 2 -> 4"));
  edges.target[3] = -1;
  EXPECT_THAT(message_of(edges), HasSubstr("found 2 -> -1"));
  EXPECT_THAT(message_of({"", {1}, {1}, {1}}), HasSubstr("expected no self loop, found 1 -> 1"));
  EXPECT_THAT(message_of({"", {0, 1}, {1, 0}, {0, 0}}),
              HasSubstr("expected a weight > 0, found 0"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(message_of({"", {0, 1}, {1, 0}, {nan, nan}}), HasSubstr("expected a weight > 0"));
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_THAT(message_of({"", {0, 1}, {1, 0}, {inf, inf}}), HasSubstr("expected a weight > 0"));
  EXPECT_THAT(message_of({"", {1, 0}, {0, 1}, {1, 1}}), HasSubstr("sorted and without doubles"));
  EXPECT_THAT(message_of({"", {0, 0, 1}, {1, 1, 0}, {1, 1, 1}}),
              HasSubstr("sorted and without doubles"));
  EXPECT_THAT(message_of({"", {0}, {1}, {1}}),
              HasSubstr("edge 0 -> 1: expected the same edge back"));
  EXPECT_THAT(message_of({"", {0, 1}, {1, 0}, {1, 2}}), HasSubstr("expected the same edge back"));
}

TEST(MakeSymmetric, DropsSelfLoopsAndDoublesAndKeepsTheLargerWeight) {
  const auto edges = make_symmetric("file", {2, 0, 1, 3, 0}, {0, 2, 0, 3, 2}, {5, 7, 1, 9, 6});
  EXPECT_EQ(edges.kind, "file");
  EXPECT_THAT(edges.source, ElementsAre(0, 0, 1, 2));
  EXPECT_THAT(edges.target, ElementsAre(1, 2, 0, 0));
  EXPECT_THAT(edges.weight, ElementsAre(1, 7, 1, 7));
}

TEST(MakeSymmetric, RandomPairsGiveGraphsThatKeepAllInvariants) {
  constexpr std::uint64_t kSeed = 99;
  std::cout << "seed " << kSeed << "\n";
  for (std::uint64_t round = 0, n = test::num_rounds(1'000); round < n; ++round) {
    const std::uint64_t key = mix(kSeed, round);
    const std::uint64_t num_nodes = 1 + uniform_index(key, 0, 12);
    std::vector<std::int32_t> source, target;
    std::vector<float> weight;
    std::map<std::pair<int, int>, float> expected;
    for (std::uint64_t e = 0, n = uniform_index(key, 1, 30); e < n; ++e) {
      const auto i = static_cast<std::int32_t>(uniform_index(key, 3 * e + 2, num_nodes)),
                 j = static_cast<std::int32_t>(uniform_index(key, 3 * e + 3, num_nodes));
      const auto w = static_cast<float>(.1 + uniform(key, 3 * e + 4));
      source.push_back(i);
      target.push_back(j);
      weight.push_back(w);
      if (i == j) continue;
      for (const auto& pair : {std::pair(i, j), std::pair(j, i)})
        expected[pair] = std::max(expected[pair], w);
    }
    const auto edges = make_symmetric("knn", source, target, weight);
    ASSERT_EQ(static_cast<std::size_t>(edges.size()), expected.size()) << round;
    std::size_t e = 0;
    for (const auto& [pair, w] : expected) {
      ASSERT_EQ(std::pair(edges.source[e], edges.target[e]), pair) << round;
      ASSERT_EQ(edges.weight[e++], w) << round;
    }
    ASSERT_NO_THROW(SpatialGraph::from_edges(edges, static_cast<std::int64_t>(num_nodes))) << round;
  }
}

}  // namespace
}  // namespace precinct::data
