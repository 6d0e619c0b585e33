// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Nothing that is known at an origin may depend on what lies after it. Each property has a twin
// with a leak planted, which the same detector must see.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/features/ewma.h"
#include "data/features/feature_set.h"
#include "data/features/gamma_poisson.h"
#include "models/baselines/registry.h"
#include "tests/support/changed_future.h"
#include "tests/support/small_panel.h"

namespace precinct {
namespace {

using data::Panel;
using test::kTwinCases;
using test::num_cases_that_see_the_future;

/// Calendar, exponentially weighted means, scaler, statics and anchor of one window.
std::vector<float> features_at(const Panel& panel, std::int64_t origin,
                               const data::BinRange& fit_range) {
  constexpr std::int64_t kHorizon = 3;
  config::InputConfig input;
  input.ewma_half_lives = {7, 28};
  const auto spec = data::FeatureSpec::fit(panel, input, {}, fit_range);
  data::GammaPoissonConstants constants;
  const auto set = data::FeatureSet::compute(panel, spec, kHorizon, constants);
  std::vector<float> known;
  const auto take = [&](const std::vector<float>& values, std::int64_t begin, std::int64_t size) {
    known.insert(known.end(), values.begin() + begin, values.begin() + begin + size);
  };
  const std::int64_t row = panel.num_nodes * set.num_origin;
  take(set.origin, origin * row, row);
  take(set.calendar, 0, (origin + kHorizon) * set.num_calendar);
  for (const auto* values :
       {&spec.scaler.shift, &spec.scaler.scale, &spec.origin_shift, &spec.origin_scale,
        &spec.statics, &spec.log_mean0, &spec.log_dispersion0})
    known.insert(known.end(), values->begin(), values->end());
  const std::size_t at = known.size();
  known.resize(at + static_cast<std::size_t>(kHorizon * panel.num_nodes * panel.num_categories));
  set.anchor->mean(origin, kHorizon, known.data() + at);
  return known;
}

TEST(Leakage, FeaturesAtTheOriginUseNothingAfterIt) {
  EXPECT_EQ(num_cases_that_see_the_future([](const Panel& panel, std::int64_t e) {
              return features_at(panel, e, {0, e});
            }),
            0);
}

TEST(Leakage, TheMeanOfAnchorUsesNothingAfterTheOrigin) {
  const auto anchor_with_shift = [](std::int64_t shift) {
    return [shift](const Panel& panel, std::int64_t e) {
      std::vector<float> mean(static_cast<std::size_t>(9 * panel.num_nodes * panel.num_categories));
      const auto constants = data::choose_gamma_poisson(panel, {e - 12, e});
      data::GammaPoissonSeries(panel, constants).mean(e + shift, 9, mean.data());
      return mean;
    };
  };
  EXPECT_EQ(num_cases_that_see_the_future(anchor_with_shift(0)), 0);
  // The twin: an anchor shifted by one bin knows the first target.
  EXPECT_EQ(num_cases_that_see_the_future(anchor_with_shift(1), kTwinCases), kTwinCases);
}

TEST(Leakage, ExponentialMeansUseNothingAfterTheOrigin) {
  const auto row_with_shift = [](std::int64_t shift) {
    return [shift](const Panel& panel, std::int64_t e) {
      const auto series = data::compute_ewma(panel, {7, 28, 120});
      const std::int64_t row = panel.num_nodes * series.num_features;
      const auto begin = series.values.begin() + (e + shift) * row;
      return std::vector<float>(begin, begin + row);
    };
  };
  EXPECT_EQ(num_cases_that_see_the_future(row_with_shift(0)), 0);
  // The twin: a mean that includes the origin's bin.
  EXPECT_EQ(num_cases_that_see_the_future(row_with_shift(1), kTwinCases), kTwinCases);
}

TEST(Leakage, TheScalerIsFittedOnTheFitRangeAlone) {
  const auto scaler_of = [](bool everything) {
    return [everything](const Panel& panel, std::int64_t e) {
      const data::BinRange range{0, everything ? panel.num_bins : e};
      const auto spec = data::FeatureSpec::fit(panel, {}, {}, range);
      std::vector<float> known = spec.scaler.shift;
      known.insert(known.end(), spec.scaler.scale.begin(), spec.scaler.scale.end());
      return known;
    };
  };
  EXPECT_EQ(num_cases_that_see_the_future(scaler_of(false)), 0);
  // The twin: a scaler fitted on everything.
  EXPECT_EQ(num_cases_that_see_the_future(scaler_of(true), kTwinCases), kTwinCases);
}

class BaselineLeakage : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Baselines, BaselineLeakage, testing::ValuesIn(models::baseline_names()),
                         [](const auto& info) { return info.param; });

TEST_P(BaselineLeakage, AForecastUsesNothingAfterItsOrigin) {
  const auto forecast_with_shift = [&](std::int64_t shift) {
    return [shift](const Panel& panel, std::int64_t e) {
      const auto baseline = models::make_baseline(GetParam());
      baseline->fit(panel, {{0, e - 12}, {e - 12, e}, {e, panel.num_bins}, {}});
      const std::vector<std::int64_t> origins = {e + shift};
      const auto forecast = baseline->predict(panel, origins, 9);
      std::vector<float> known = forecast.mean;
      known.insert(known.end(), forecast.dispersion.begin(), forecast.dispersion.end());
      return known;
    };
  };
  EXPECT_EQ(num_cases_that_see_the_future(forecast_with_shift(0)), 0);
  // The twin: the forecast of the next origin, sold as this one's.
  EXPECT_EQ(num_cases_that_see_the_future(forecast_with_shift(1), kTwinCases), kTwinCases);
}

// The last bin before the origin is used: a detector that sees nothing at all would show here.
TEST(Leakage, WhatLiesBeforeTheOriginIsUsed) {
  EXPECT_EQ(num_cases_that_see_the_future(
                [](const Panel& panel, std::int64_t e) {
                  return features_at(panel, e + 1, {0, e + 1});
                },
                kTwinCases),
            kTwinCases);
}

}  // namespace
}  // namespace precinct
