// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/ewma.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/support/small_panel.h"

namespace precinct::data {
namespace {

/// sum of lambda^age y / sum of lambda^age over the bins < e in which the unit was seen, its last
/// one of age 0; nothing before the first.
double mean_by_sum(std::int64_t e, double half_life_bins,
                   const std::function<bool(std::int64_t)>& seen,
                   const std::function<double(std::int64_t)>& y) {
  double sum = 0, weight = 0, age = 0;
  for (std::int64_t t = e - 1; t >= 0; --t) {
    if (!seen(t)) continue;
    sum += std::pow(.5, age / half_life_bins) * y(t);
    weight += std::pow(.5, age / half_life_bins);
    ++age;
  }
  return weight > 0 ? sum / weight : 0;
}

/// Checks every row of every feature against the sums.
void expect_equals_sums(const Panel& panel, const std::vector<double>& half_lives,
                        double bins_per_day, bool has_groups) {
  const EwmaSeries series = compute_ewma(panel, half_lives);
  std::vector<std::string> kinds = {"node", "total"};
  if (has_groups) kinds.push_back("group");
  ASSERT_EQ(series.num_features,
            static_cast<std::int64_t>(kinds.size() * half_lives.size()) * panel.num_categories);
  ASSERT_EQ(static_cast<std::int64_t>(series.values.size()),
            (panel.num_bins + 1) * panel.num_nodes * series.num_features);
  for (std::int64_t e = 0; e <= panel.num_bins; ++e) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      std::int64_t feature = 0;
      for (const std::string& kind : kinds) {
        const auto is_of = [&](std::int64_t m) {
          return kind == "node"
                     ? m == n
                     : kind == "total" || panel.nodes[static_cast<std::size_t>(m)].parent ==
                                              panel.nodes[static_cast<std::size_t>(n)].parent;
        };
        const auto members = [&](std::int64_t t) {
          std::vector<std::int64_t> all;
          for (std::int64_t m = 0; m < panel.num_nodes; ++m)
            if (is_of(m) && panel.is_observed(t, m)) all.push_back(m);
          return all;
        };
        for (std::int64_t c = 0; c < panel.num_categories; ++c) {
          for (const double days : half_lives) {
            const double wanted = mean_by_sum(
                e, days * bins_per_day, [&](std::int64_t t) { return !members(t).empty(); },
                [&](std::int64_t t) {
                  double sum = 0;
                  for (const std::int64_t m : members(t)) sum += panel.count(t, m, c);
                  return sum / static_cast<double>(members(t).size());
                });
            const auto at = static_cast<std::size_t>(
                (e * panel.num_nodes + n) * series.num_features + feature++);
            ASSERT_NEAR(series.values[at], std::log1p(wanted), 1e-6)
                << "e " << e << " n " << n << " " << kind << " c " << c << " " << days << " d";
          }
        }
      }
    }
  }
}

Panel with_gaps(Panel panel) {
  const auto nodes = static_cast<std::size_t>(panel.num_nodes);
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins) * nodes, 1);
  for (std::size_t t = 5; t < 9; ++t) panel.observed[t * nodes + 1] = 0;       // one district
  for (std::size_t n = 0; n < nodes; ++n) panel.observed[17 * nodes + n] = 0;  // a whole bin
  for (std::size_t t = 0; t < 12; ++t) panel.observed[t * nodes + 3] = 0;      // joins later
  return panel;
}

TEST(Ewma, EqualsDirectSums) {
  expect_equals_sums(test::small_panel(30, 2, 2), {2, 7, 365}, 1, false);
}

TEST(Ewma, EqualsDirectSumsWithGroupsAndUnobservedCells) {
  expect_equals_sums(with_gaps(test::with_parents(test::small_panel(30, 2, 2))), {2, 28}, 1, true);
}

TEST(Ewma, HalfLivesAreDaysWhateverTheBin) {
  Panel panel = test::small_panel(30, 2, 2);
  panel.axis = BinAxis(BinSpec::parse("hours:6"), panel.axis.start());
  expect_equals_sums(panel, {1, 3}, 4, false);
  panel.axis = BinAxis(BinSpec::parse("week"), panel.axis.start());
  expect_equals_sums(panel, {14}, 1 / 7.0, false);
}

TEST(Ewma, NamesStateKindCategoryAndHalfLife) {
  const EwmaSeries series = compute_ewma(test::with_parents(test::small_panel(5, 2, 2)), {7, 1.5});
  EXPECT_EQ(series.names, (std::vector<std::string>{
                              "node/c0/7d", "node/c0/1.5d", "node/c1/7d", "node/c1/1.5d",
                              "total/c0/7d", "total/c0/1.5d", "total/c1/7d", "total/c1/1.5d",
                              "group/c0/7d", "group/c0/1.5d", "group/c1/7d", "group/c1/1.5d"}));
}

TEST(Ewma, OneGroupOrOneDistrictAGroupAddsNothing) {
  Panel panel = test::small_panel(5, 2, 2);
  for (Node& node : panel.nodes) node.parent = "all";
  EXPECT_EQ(compute_ewma(panel, {7}).num_features, 4);
  for (Node& node : panel.nodes) node.parent = node.code;
  EXPECT_EQ(compute_ewma(panel, {7}).num_features, 4);
}

}  // namespace
}  // namespace precinct::data
