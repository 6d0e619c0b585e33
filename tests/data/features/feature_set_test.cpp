// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/features/feature_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "data/features/dispersion.h"
#include "data/features/ewma.h"
#include "tests/support/long_form.h"
#include "tests/support/small_panel.h"

namespace precinct::data {
namespace {

constexpr BinRange kFit{10, 80};

config::DataConfig scaling(const char* kind) {
  config::DataConfig data;
  data.scaling = kind;
  return data;
}

FeatureSpec fit(const Panel& panel, const char* kind = "standard", const BinRange& range = kFit) {
  return FeatureSpec::fit(panel, {}, scaling(kind), range);
}

/// log1p of every observed count of a category in the range.
std::vector<double> logs(const Panel& panel, const BinRange& range, std::int64_t c) {
  std::vector<double> all;
  for (std::int64_t t = range.begin; t < range.end; ++t) {
    for (std::int64_t n = 0; n < panel.num_nodes; ++n)
      if (panel.is_observed(t, n)) all.push_back(std::log1p(panel.count(t, n, c)));
  }
  return all;
}

Panel without_every_seventh_cell(Panel panel) {
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
  for (std::size_t i = 0; i < panel.observed.size(); i += 7) panel.observed[i] = 0;
  return panel;
}

/// The panel with `change` applied to the counts of bins [begin, end).
template <typename Change>
Panel changed(const Panel& panel, std::int64_t begin, std::int64_t end, Change change) {
  Panel other = panel;
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i) {
    const std::int64_t bin = i / (panel.num_nodes * panel.num_categories);
    counts.push_back(bin >= begin && bin < end ? change(panel.counts[i]) : panel.counts[i]);
  }
  other.counts = CountArray::from_u32(counts);
  return other;
}

TEST(Scaler, StandardIsMeanAndDeviationOfTheFitRangeAlone) {
  const Panel panel = without_every_seventh_cell(test::small_panel());
  const Scaler scaler = fit(panel).scaler;
  for (std::int64_t c = 0; c < panel.num_categories; ++c) {
    const auto x = logs(panel, kFit, c);
    double mean = 0, variance = 0;
    for (const double value : x) mean += value / static_cast<double>(x.size());
    for (const double value : x)
      variance += (value - mean) * (value - mean) / static_cast<double>(x.size());
    EXPECT_NEAR(scaler.shift[static_cast<std::size_t>(c)], mean, 1e-6);
    EXPECT_NEAR(scaler.scale[static_cast<std::size_t>(c)], std::sqrt(variance), 1e-6);
  }
}

TEST(Scaler, MinmaxMapsTheFitRangeToTheUnitInterval) {
  // No count is below 5, so that the least one matters.
  const Panel panel = changed(test::small_panel(), 0, 120, [](std::uint32_t y) { return y + 5; });
  const Scaler scaler = fit(panel, "minmax").scaler;
  for (std::int64_t c = 0; c < panel.num_categories; ++c) {
    const auto x = logs(panel, kFit, c);
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    const auto at = static_cast<std::size_t>(c);
    EXPECT_NEAR((*low - scaler.shift[at]) / scaler.scale[at], 0, 1e-5);
    EXPECT_NEAR((*high - scaler.shift[at]) / scaler.scale[at], 1, 1e-5);
  }
}

TEST(Scaler, NoneAndConstantSeriesChangeNothingByDivision) {
  const Panel panel = test::small_panel();
  EXPECT_EQ(fit(panel, "none").scaler, (Scaler{{0, 0}, {1, 1}}));
  const Panel zeros = changed(panel, 0, 120, [](std::uint32_t) { return 0U; });
  for (const char* kind : {"standard", "minmax"}) {
    for (const float scale : fit(zeros, kind).scaler.scale) EXPECT_GT(scale, 0) << kind;
    EXPECT_EQ(fit(zeros, kind).scaler.shift, (std::vector<float>{0, 0})) << kind;
  }
}

TEST(FeatureSpec, NothingOutsideTheFitRangeIsLearnt) {
  const Panel panel = test::small_panel();
  const auto more = [](std::uint32_t y) { return y * 3 + 200; };
  const auto text = [](const FeatureSpec& spec) { return nlohmann::json(spec).dump(); };
  for (const char* kind : {"standard", "minmax"}) {
    const std::string wanted = text(fit(panel, kind));
    EXPECT_EQ(text(fit(changed(panel, 80, 120, more), kind)), wanted);
    // The twin: what lies inside is seen.
    EXPECT_NE(text(fit(changed(panel, 79, 80, more), kind)), wanted);
  }
}

TEST(FeatureSpec, StaticsAreScaledRatesDensitiesAndPlaces) {
  const Panel panel = without_every_seventh_cell(test::small_panel());
  const FeatureSpec spec = fit(panel);
  EXPECT_EQ(spec.static_names,
            (std::vector<std::string>{"log_area_km2", "longitude", "latitude", "log_density",
                                      "log_rate/c0", "log_rate/c1", "degree"}));
  const std::size_t width = spec.static_names.size();
  ASSERT_EQ(spec.statics.size(), 9 * width);
  for (const float x : spec.statics) {
    EXPECT_GE(x, 0);
    EXPECT_LE(x, 1);
  }
  // Smoothed long-run means by hand: (sum + 10 * overall) / (bins + 10).
  std::vector<double> rate(18), dispersion_means, dispersion_counts;
  for (std::int64_t c = 0; c < 2; ++c) {
    double all = 0, cells = 0;
    for (std::int64_t n = 0; n < 9; ++n) {
      for (std::int64_t t = kFit.begin; t < kFit.end; ++t) {
        if (!panel.is_observed(t, n)) continue;
        all += panel.count(t, n, c);
        ++cells;
      }
    }
    for (std::int64_t n = 0; n < 9; ++n) {
      double sum = 0, bins = 0;
      for (std::int64_t t = kFit.begin; t < kFit.end; ++t) {
        if (!panel.is_observed(t, n)) continue;
        sum += panel.count(t, n, c);
        ++bins;
      }
      const double r = (sum + 10 * all / cells) / (bins + 10);
      rate[static_cast<std::size_t>(n * 2 + c)] = r;
      EXPECT_NEAR(spec.log_mean0[static_cast<std::size_t>(n * 2 + c)], std::log(r), 1e-6);
      for (std::int64_t t = kFit.begin; c == 0 && t < kFit.end; ++t) {
        if (!panel.is_observed(t, n)) continue;
        dispersion_means.push_back(r);
        dispersion_counts.push_back(panel.count(t, n, 0));
      }
    }
  }
  EXPECT_NEAR(spec.log_dispersion0[0],
              std::log(fit_dispersion(dispersion_means, dispersion_counts)), 1e-3);
  std::vector<double> density;
  for (std::size_t n = 0; n < 9; ++n)
    density.push_back(std::log((rate[2 * n] + rate[2 * n + 1]) / panel.nodes[n].area_km2));
  const auto [low, high] = std::minmax_element(density.begin(), density.end());
  for (std::size_t n = 0; n < 9; ++n)
    EXPECT_NEAR(spec.statics[n * width + 3], (density[n] - *low) / (*high - *low), 1e-5);
  EXPECT_EQ(spec.statics[4 * width + 6], 1);  // the middle of the grid has most neighbours
  EXPECT_EQ(spec.statics[0 * width + 6], 0);
}

TEST(FeatureSpec, AConstantStaticIsLeftOutAndCensusColumnsJoin) {
  Panel panel = test::small_panel();
  for (Node& node : panel.nodes) node.area_km2 = 2;
  panel.static_features["income"] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  panel.static_features["flat"] = std::vector<float>(9, 4);
  const auto names = fit(panel).static_names;
  EXPECT_EQ(std::count(names.begin(), names.end(), "log_area_km2"), 0);
  EXPECT_EQ(std::count(names.begin(), names.end(), "static/flat"), 0);
  EXPECT_EQ(names.back(), "static/income");
}

TEST(FeatureSpec, AFitRangeOutsideThePanelIsRefused) {
  const Panel panel = test::small_panel();
  EXPECT_THROW(fit(panel, "standard", {0, 121}), ShapeError);
  EXPECT_THROW(fit(panel, "standard", {5, 5}), ShapeError);
}

/// Any finite float, by its bits.
float any_float(std::uint64_t key, std::uint64_t at) {
  for (std::uint64_t retry = 0;; ++retry) {
    const float x = std::bit_cast<float>(philox(key, at, retry)[0]);
    if (std::isfinite(x)) return x;
  }
}

TEST(FeatureSpec, AThousandRoundTripsThroughJsonKeepEveryBit) {
  constexpr std::uint64_t kSeed = 99;
  std::printf("seed %llu\n", static_cast<unsigned long long>(kSeed));
  for (std::uint64_t trial = 0, n = test::num_rounds(1000); trial < n; ++trial) {
    std::uint64_t at = 0;
    const auto floats = [&](std::size_t size) {
      std::vector<float> all(size);
      for (float& x : all) x = any_float(mix(kSeed, trial), at++);
      return all;
    };
    FeatureSpec spec;
    spec.calendar_names = {"a", "b \"quoted\", with\ncomma", "\xC3\xA9"};
    spec.static_names = {};
    spec.origin_names = {"node/x/7d"};
    spec.calendar_form = "one_hot";
    spec.holidays = "none";
    spec.half_lives_days = {uniform(kSeed, trial) * 1e3, 1.0 / 3};
    spec.scaler = {floats(3), floats(3)};
    spec.origin_shift = floats(1);
    spec.origin_scale = floats(1);
    spec.statics = floats(5);
    spec.log_mean0 = floats(4);
    spec.log_dispersion0 = floats(3);
    spec.fit_range = {static_cast<std::int64_t>(trial), 1'000'000'000'000};
    if (trial % 2 == 0) spec.first_day = static_cast<std::int64_t>(trial) - 500;
    const FeatureSpec back = nlohmann::json::parse(nlohmann::json(spec).dump(2));
    const auto bits = [](const std::vector<float>& x) {
      std::vector<std::uint32_t> all;
      for (const float value : x) all.push_back(std::bit_cast<std::uint32_t>(value));
      return all;
    };
    ASSERT_EQ(back.calendar_names, spec.calendar_names);
    ASSERT_EQ(back.static_names, spec.static_names);
    ASSERT_EQ(back.origin_names, spec.origin_names);
    ASSERT_EQ(back.calendar_form, spec.calendar_form);
    ASSERT_EQ(back.holidays, spec.holidays);
    ASSERT_EQ(back.half_lives_days, spec.half_lives_days);
    ASSERT_EQ(back.fit_range, spec.fit_range);
    ASSERT_EQ(back.first_day, spec.first_day);
    ASSERT_EQ(bits(back.scaler.shift), bits(spec.scaler.shift)) << "seed " << kSeed << "/" << trial;
    ASSERT_EQ(bits(back.scaler.scale), bits(spec.scaler.scale));
    ASSERT_EQ(bits(back.origin_shift), bits(spec.origin_shift));
    ASSERT_EQ(bits(back.origin_scale), bits(spec.origin_scale));
    ASSERT_EQ(bits(back.statics), bits(spec.statics));
    ASSERT_EQ(bits(back.log_mean0), bits(spec.log_mean0));
    ASSERT_EQ(bits(back.log_dispersion0), bits(spec.log_dispersion0));
  }
}

TEST(GammaPoissonConstants, RoundTripThroughJsonWithAndWithoutSeason) {
  GammaPoissonConstants with;
  with.half_life = 1.0 / 3;
  with.prior = .25;
  with.neighbour_weight = .7;
  with.category_weight = .4;
  with.group_weight = .6;
  with.level_half_life = 7;
  with.season_half_life = 180;
  with.season_prior = 30;
  with.dispersion = {.1, 1e-6, 1000};
  GammaPoissonConstants without = with;
  without.season_half_life.reset();
  without.season_prior.reset();
  for (const GammaPoissonConstants& constants : {with, without}) {
    const GammaPoissonConstants back = nlohmann::json::parse(nlohmann::json(constants).dump());
    EXPECT_EQ(back.half_life, constants.half_life);
    EXPECT_EQ(back.prior, constants.prior);
    EXPECT_EQ(back.neighbour_weight, constants.neighbour_weight);
    EXPECT_EQ(back.category_weight, constants.category_weight);
    EXPECT_EQ(back.group_weight, constants.group_weight);
    EXPECT_EQ(back.level_half_life, constants.level_half_life);
    EXPECT_EQ(back.season_half_life, constants.season_half_life);
    EXPECT_EQ(back.season_prior, constants.season_prior);
    EXPECT_EQ(back.dispersion, constants.dispersion);
  }
}

TEST(FeatureSet, OriginFeaturesAreStandardisedMeansAndTheCalendarReachesPastTheEnd) {
  const Panel panel = test::small_panel();
  const FeatureSpec spec = fit(panel);
  const FeatureSet set = FeatureSet::compute(panel, spec, 7, std::nullopt);
  const EwmaSeries ewma = compute_ewma(panel, spec.half_lives_days);
  EXPECT_EQ(set.num_origin, static_cast<std::int64_t>(spec.origin_names.size()));
  EXPECT_EQ(set.day_slot.size(), 127U);
  EXPECT_EQ(set.calendar.size(), 127U * spec.calendar_names.size());
  EXPECT_EQ(set.anchor, nullptr);
  ASSERT_EQ(set.origin.size(), ewma.values.size());
  const auto fo = static_cast<std::size_t>(set.num_origin);
  for (std::size_t i = 0; i < set.origin.size(); ++i) {
    ASSERT_FLOAT_EQ(set.origin[i],
                    (ewma.values[i] - spec.origin_shift[i % fo]) / spec.origin_scale[i % fo]);
  }
  // Over the origins of the fit range each feature has mean 0 and deviation 1.
  for (std::size_t f = 0; f < fo; ++f) {
    double sum = 0, squares = 0, count = 0;
    for (std::int64_t e = kFit.begin; e < kFit.end; ++e) {
      for (std::int64_t n = 0; n < panel.num_nodes; ++n) {
        const double x = set.origin[static_cast<std::size_t>(e * panel.num_nodes + n) * fo + f];
        sum += x;
        squares += x * x;
        ++count;
      }
    }
    EXPECT_NEAR(sum / count, 0, 1e-4) << spec.origin_names[f];
    EXPECT_NEAR(squares / count, 1, 1e-3) << spec.origin_names[f];
  }
  GammaPoissonConstants constants;
  const FeatureSet anchored = FeatureSet::compute(panel, spec, 7, constants);
  ASSERT_NE(anchored.anchor, nullptr);
  EXPECT_EQ(anchored.anchor->constants().half_life, constants.half_life);
}

/// The bins of a panel from `bin` on.
Panel beginning_at(const Panel& panel, std::int64_t bin) {
  Panel later = panel;
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = panel.index(bin, 0, 0); i < panel.counts.size(); ++i)
    counts.push_back(panel.counts[i]);
  later.counts = CountArray::from_u32(counts);
  later.num_bins = panel.num_bins - bin;
  later.axis = BinAxis(panel.axis.spec(), panel.axis.start_of(bin));
  return later;
}

TEST(FeatureSet, ADayHasTheSameCalendarWhereverThePanelBegins) {
  constexpr std::int64_t kBins = 20;
  const Panel longer = test::small_panel(), shorter = beginning_at(longer, kBins);
  const auto calendar = [](const Panel& panel, const FeatureSpec& spec) {
    return FeatureSet::compute(panel, spec, 7, std::nullopt).calendar;
  };
  for (const auto& [fitted, name] : {std::pair{&longer, "longer"}, {&shorter, "shorter"}}) {
    const FeatureSpec spec = fit(*fitted);
    ASSERT_EQ(spec.calendar_names.back(), "trend");
    const auto whole = calendar(longer, spec), rest = calendar(shorter, spec);
    const auto skipped = static_cast<std::ptrdiff_t>(kBins * spec.calendar_names.size());
    EXPECT_EQ(std::vector<float>(whole.begin() + skipped, whole.end()), rest) << name;
    EXPECT_EQ(calendar(*fitted, spec)[spec.calendar_names.size() - 1], 0) << name;
  }
  // The artifacts of older versions do not say where their panel began.
  nlohmann::json json = fit(longer);
  json.erase("first_day");
  const FeatureSpec old = json;
  EXPECT_EQ(calendar(shorter, old)[old.calendar_names.size() - 1], 0);
}

/// An axis that begins on a day.
BinAxis axis_from(const char* bin, int year, int month, int day) {
  return {BinSpec::parse(bin), {days_from_civil(year, month, day), 0}};
}

TEST(FeatureSpec, WhatWasLearntFromIsTheSameTimeInAnyPanel) {
  FeatureSpec spec;
  spec.fit_range = {0, 30};
  spec.first_day = days_from_civil(2020, 3, 1);
  for (const char* bin : {"hours:6", "day", "month"}) {
    const BinAxis own = axis_from(bin, 2020, 3, 1), later = axis_from(bin, 2020, 5, 1),
                  earlier = axis_from(bin, 2019, 12, 1);
    EXPECT_EQ(spec.learnt_bins(own), spec.fit_range) << bin;
    for (const BinAxis& axis : {later, earlier}) {
      const BinRange learnt = spec.learnt_bins(axis);
      EXPECT_NE(learnt, spec.fit_range) << bin;
      EXPECT_EQ(axis.start_of(learnt.begin), own.start_of(0)) << bin;
      EXPECT_EQ(axis.start_of(learnt.end), own.start_of(30)) << bin;
    }
  }
  EXPECT_EQ(spec.learnt_bins(axis_from("day", 2020, 3, 11)), (BinRange{-10, 20}));
  EXPECT_EQ(spec.learnt_bins(axis_from("week", 2020, 3, 15)), (BinRange{-2, 28}));
}

TEST(FeatureSpec, AWeekThatWasLearntFromInPartIsLearntFrom) {
  FeatureSpec spec;
  spec.fit_range = {0, 4};
  spec.first_day = days_from_civil(2020, 3, 1);  // a Sunday
  EXPECT_EQ(spec.learnt_bins(axis_from("week", 2020, 2, 24)), (BinRange{0, 5}));
}

TEST(FeatureSpec, AnOlderArtifactsRangeIsThatOfAnyPanel) {
  FeatureSpec spec;
  spec.fit_range = {0, 30};
  EXPECT_EQ(spec.learnt_bins(axis_from("day", 2020, 3, 11)), spec.fit_range);
}

TEST(FeatureSpec, PanelsThatStartInsideADayAreTakenToStartAtTheSameHour) {
  FeatureSpec spec;
  spec.fit_range = {0, 30};
  spec.first_day = days_from_civil(2020, 3, 1);
  const BinAxis own(BinSpec::parse("hours:1"), {*spec.first_day, 6 * 60});
  EXPECT_EQ(spec.learnt_bins(own), spec.fit_range);
}

TEST(FeatureSet, APanelWithOtherBinsOrCategoriesIsRefused) {
  const Panel panel = test::small_panel();
  const FeatureSpec spec = fit(panel);
  Panel weekly = panel;
  weekly.axis = BinAxis(BinSpec::parse("week"), panel.axis.start());
  EXPECT_THROW(FeatureSet::compute(weekly, spec, 3, std::nullopt), DataError);
  Panel renamed = panel;
  renamed.categories[1].code = "other";
  EXPECT_THROW(FeatureSet::compute(renamed, spec, 3, std::nullopt), DataError);
}

}  // namespace
}  // namespace precinct::data
