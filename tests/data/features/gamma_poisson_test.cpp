// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/gamma_poisson.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "tests/support/slow_gamma_poisson.h"
#include "tests/support/small_panel.h"

namespace precinct::data {
namespace {

using test::SlowGammaPoisson;

/// Some of each kind of constants.
std::vector<GammaPoissonConstants> several_constants() {
  GammaPoissonConstants plain, sharp, discounted, flat;
  sharp.half_life = 5;
  sharp.prior = .25;
  sharp.neighbour_weight = .7;
  sharp.category_weight = .7;
  sharp.group_weight = .3;
  sharp.level_half_life = 2;
  sharp.season_prior = 30;
  discounted.group_weight = .6;
  discounted.season_half_life = 20;
  discounted.season_prior = 3;
  flat.neighbour_weight = 0;
  flat.category_weight = 0;
  flat.season_prior.reset();
  flat.half_life = 1e4;
  return {plain, sharp, discounted, flat};
}

void expect_equals_direct_sums(const Panel& panel, std::int64_t horizon,
                               const std::vector<std::int64_t>& origins) {
  const std::int64_t cells = panel.num_nodes * panel.num_categories;
  for (const GammaPoissonConstants& constants : several_constants()) {
    const GammaPoissonSeries series(panel, constants);
    const SlowGammaPoisson slow(panel, constants);
    std::vector<float> mean(static_cast<std::size_t>(horizon * cells));
    for (const std::int64_t e : origins) {
      series.mean(e, horizon, mean.data());
      for (std::int64_t h = 0; h < horizon; ++h) {
        for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
          for (std::int64_t c = 0; c < panel.num_categories; ++c) {
            const double wanted = slow.mean(e, h, n, c);
            ASSERT_NEAR(mean[static_cast<std::size_t>(h * cells + n * panel.num_categories + c)],
                        wanted, 2e-6 * (1 + wanted))
                << "origin " << e << " step " << h << " node " << n << " category " << c << " hl "
                << constants.half_life;
          }
        }
      }
    }
  }
}

Panel with_holes(Panel panel) {
  const auto nodes = static_cast<std::size_t>(panel.num_nodes);
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins) * nodes, 1);
  for (std::size_t t = 10; t < 19; ++t) panel.observed[t * nodes + 1] = 0;
  for (std::size_t t = 0; t < 25; ++t) panel.observed[t * nodes + 2] = 0;  // joins later
  for (std::size_t t = 0; t < 45; ++t) panel.observed[t * nodes + 5] = 0;  // never before the end
  for (std::size_t n = 0; n < nodes; ++n) panel.observed[21 * nodes + n] = 0;  // a whole bin
  return panel;
}

Panel rebinned(Panel panel, const char* spec, const char* start) {
  panel.axis = BinAxis(BinSpec::parse(spec), parse_civil(start, "test"));
  return panel;
}

TEST(GammaPoisson, EqualsDirectSumsOverNineSteps) {
  expect_equals_direct_sums(test::small_panel(45, 2, 3), 9, {1, 2, 7, 8, 13, 14, 15, 30, 45});
}

TEST(GammaPoisson, EqualsDirectSumsWithGroups) {
  expect_equals_direct_sums(test::with_parents(test::small_panel(45, 2, 3)), 3, {1, 9, 20, 45});
}

TEST(GammaPoisson, EqualsDirectSumsWithUnobservedCells) {
  expect_equals_direct_sums(with_holes(test::with_parents(test::small_panel(45, 2, 3))), 8,
                            {1, 9, 12, 20, 21, 22, 23, 26, 33, 45});
}

TEST(GammaPoisson, EqualsDirectSumsForHoursWeeksAndMonths) {
  const Panel panel = test::small_panel(45, 2, 3);
  expect_equals_direct_sums(rebinned(panel, "hours:12", "2020-03-15T12:00"), 15, {1, 14, 29, 45});
  expect_equals_direct_sums(rebinned(panel, "week", "2020-03-15"), 4, {1, 2, 20, 45});
  expect_equals_direct_sums(rebinned(panel, "month", "2020-03-01"), 13, {1, 12, 13, 25, 45});
}

TEST(GammaPoisson, EqualsDirectSumsWithoutGraph) {
  Panel panel = test::small_panel(30, 2, 3);
  panel.graph = {};
  expect_equals_direct_sums(panel, 2, {1, 15, 30});
}

TEST(GammaPoisson, NothingOverNothingIsOne) {
  Panel panel = test::small_panel(40, 2, 2);
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i)  // category 1 begins at bin 20
    counts.push_back(i % 2 == 1 && i < panel.index(20, 0, 0) ? 0 : panel.counts[i]);
  panel.counts = CountArray::from_u32(counts);
  expect_equals_direct_sums(panel, 8, {1, 5, 20, 21, 22, 40});
  std::vector<float> mean(8);
  GammaPoissonSeries(panel, {}).mean(15, 1, mean.data());
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_GT(mean[2 * n], 0);
    EXPECT_EQ(mean[2 * n + 1], 0);  // level 0 times a share of 1, not 0/0
  }
  panel.counts = CountArray::from_u32(std::vector<std::uint32_t>(counts.size(), 0));
  GammaPoissonSeries(panel, {}).mean(40, 1, mean.data());
  EXPECT_EQ(mean, std::vector<float>(8, 0));
}

// A bin that nobody observed says nothing: the forecast is that of a panel in which it never was,
// but for the age of what lies before it.
TEST(GammaPoisson, AWhollyUnobservedBinDoesNotLowerTheLevel) {
  Panel panel = test::small_panel(60, 2, 2);
  panel.observed.assign(60 * 4, 1);
  for (std::size_t n = 0; n < 4; ++n) panel.observed[59 * 4 + n] = 0;
  std::vector<float> with_gap(8);
  GammaPoissonConstants constants;
  constants.level_half_life = 2;
  constants.season_prior.reset();
  const GammaPoissonSeries series(panel, constants);
  series.mean(60, 1, with_gap.data());
  std::vector<float> two(16);
  series.mean(59, 2, two.data());  // its second step is bin 60
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(with_gap[i] / two[8 + i], 1, .02) << i;
}

TEST(GammaPoisson, OriginsOutsideThePanelAreRefused) {
  const Panel panel = test::small_panel(20, 2, 2);
  const GammaPoissonSeries series(panel, {});
  std::vector<float> mean(8);
  EXPECT_THROW(series.mean(21, 1, mean.data()), ShapeError);
  EXPECT_THROW(series.mean(-1, 1, mean.data()), ShapeError);
}

/// Poisson loss of the one-step means of the search's bins, by the direct sums' twin in f32.
double search_loss(const Panel& panel, const GammaPoissonConstants& constants,
                   const BinRange& range) {
  const GammaPoissonSeries series(panel, constants);
  std::vector<float> mean(static_cast<std::size_t>(panel.num_nodes * panel.num_categories));
  double sum = 0;
  for (std::int64_t t = range.begin; t < range.end; ++t) {
    series.mean(t, 1, mean.data());
    for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
      for (std::int64_t c = 0; c < panel.num_categories && panel.is_observed(t, n); ++c) {
        const double mu = std::max(
            static_cast<double>(mean[static_cast<std::size_t>(n * panel.num_categories + c)]),
            1e-4);
        sum += mu - panel.count(t, n, c) * std::log(mu);
      }
    }
  }
  return sum;
}

// The search of the protocol, written down again: two rounds over the grids, one constant after the
// other, on the validation bins and three times as many before.
TEST(ChooseGammaPoisson, IsTheCoordinateSearchOfTheProtocol) {
  const Panel panel = test::with_parents(test::small_panel(140, 2, 3));
  const BinRange validation{110, 125}, range{65, 125};
  using Constants = GammaPoissonConstants;
  using Set = std::function<void(Constants&, double)>;
  constexpr double kNone = -1;
  const auto maybe = [](double v) { return v < 0 ? std::nullopt : std::optional<double>(v); };
  const std::vector<std::pair<std::vector<double>, Set>> grids = {
      {{60, 120, 240, 480, 1e4}, [](Constants& k, double v) { k.half_life = v; }},
      {{.25, .5, 1, 2, 4, 8, 16, 32}, [](Constants& k, double v) { k.prior = v; }},
      {{0, .15, .3, .5, .7}, [](Constants& k, double v) { k.neighbour_weight = v; }},
      {{0, .2, .4, .7}, [](Constants& k, double v) { k.category_weight = v; }},
      {{0, .3, .6}, [](Constants& k, double v) { k.group_weight = v; }},
      {{7, 14, 28, 56, 112}, [](Constants& k, double v) { k.level_half_life = v; }},
      {{kNone, 180}, [&](Constants& k, double v) { k.season_half_life = maybe(v); }},
      {{30, 100, 300, kNone}, [&](Constants& k, double v) { k.season_prior = maybe(v); }}};
  Constants best;
  best.half_life = 240;
  best.prior = 2;
  best.neighbour_weight = .3;
  best.category_weight = .2;
  best.group_weight = 0;
  best.level_half_life = 14;
  best.season_half_life.reset();
  best.season_prior = 300;
  double least = search_loss(panel, best, range);
  for (int round = 0; round < 2; ++round) {
    for (const auto& [values, set] : grids) {
      const Constants start = best;
      for (const double value : values) {
        Constants candidate = start;
        set(candidate, value);
        const double loss = search_loss(panel, candidate, range);
        if (loss < least - 1e-6) {  // f32 here, double there
          least = loss;
          best = candidate;
        }
      }
    }
  }
  const Constants found = choose_gamma_poisson(panel, validation);
  EXPECT_EQ(found.half_life, best.half_life);
  EXPECT_EQ(found.prior, best.prior);
  EXPECT_EQ(found.neighbour_weight, best.neighbour_weight);
  EXPECT_EQ(found.category_weight, best.category_weight);
  EXPECT_EQ(found.group_weight, best.group_weight);
  EXPECT_EQ(found.level_half_life, best.level_half_life);
  EXPECT_EQ(found.season_half_life, best.season_half_life);
  EXPECT_EQ(found.season_prior, best.season_prior);
  EXPECT_EQ(found.dispersion.size(), 2U);
}

TEST(ChooseGammaPoisson, LooksAtNothingAfterTheValidationBins) {
  Panel panel = test::small_panel(120, 2, 3);
  const auto before = choose_gamma_poisson(panel, {80, 100});
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i)
    counts.push_back(i < panel.index(100, 0, 0) ? panel.counts[i] : panel.counts[i] + 70'000);
  panel.counts = CountArray::from_u32(counts);
  const auto after = choose_gamma_poisson(panel, {80, 100});
  EXPECT_EQ(before.half_life, after.half_life);
  EXPECT_EQ(before.level_half_life, after.level_half_life);
  EXPECT_EQ(before.dispersion, after.dispersion);
  EXPECT_THROW(choose_gamma_poisson(panel, {80, 121}), ConfigError);
  EXPECT_THROW(choose_gamma_poisson(panel, {80, 80}), ConfigError);
}

}  // namespace
}  // namespace precinct::data
