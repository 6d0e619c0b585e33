// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/mean_baseline.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "data/features/dispersion.h"
#include "tests/support/small_panel.h"

namespace precinct::models {
namespace {

/// States twice the last count; counts how often it was prepared.
class TwiceLast final : public MeanBaseline {
 public:
  TwiceLast() : MeanBaseline("twice_last") {}
  int prepared = 0;

 protected:
  void prepare(const data::Panel&) override { ++prepared; }
  void mean(const data::Panel& panel, std::int64_t origin, std::int64_t horizon,
            float* out) override {
    const std::int64_t cells = panel.num_nodes * panel.num_categories;
    for (std::int64_t h = 0; h < horizon; ++h)
      for (std::int64_t i = 0; i < cells; ++i)
        *out++ = origin > 0 ? 2.0F * static_cast<float>(panel.counts[(origin - 1) * cells + i]) : 0;
  }
};

const data::Split kSplit{{0, 60}, {60, 90}, {90, 120}, {}};

TEST(MeanBaseline, DispersionIsTheLikeliestOnTheValidationBins) {
  data::Panel panel = test::small_panel();
  panel.observed.assign(120 * 9, 1);
  for (std::size_t i = 62 * 9; i < 70 * 9; i += 2) panel.observed[i] = 0;
  TwiceLast baseline;
  baseline.fit(panel, kSplit);
  const std::vector<std::int64_t> origins = {100};
  const Forecast forecast = baseline.predict(panel, origins, 2);
  EXPECT_EQ(forecast.family, Family::kNegativeBinomial2);
  for (std::int64_t c = 0; c < 2; ++c) {
    std::vector<double> mean, count;
    for (std::int64_t t = 60; t < 90; ++t) {
      for (std::int64_t n = 0; n < 9; ++n) {
        if (!panel.is_observed(t, n)) continue;
        mean.push_back(std::max(2.0 * panel.count(t - 1, n, c), 1e-4));
        count.push_back(panel.count(t, n, c));
      }
    }
    const double wanted = data::fit_dispersion(mean, count);
    for (std::int64_t h = 0; h < 2; ++h)
      EXPECT_NEAR(
          forecast.dispersion[static_cast<std::size_t>(forecast.index(0, h, 4, c))] / wanted, 1,
          1e-3);
  }
}

TEST(MeanBaseline, MeansAreClippedBelow) {
  const data::Panel panel = test::small_panel();
  TwiceLast baseline;
  baseline.fit(panel, kSplit);
  const std::vector<std::int64_t> origins = {0, 50};
  const Forecast forecast = baseline.predict(panel, origins, 1);
  for (std::int64_t n = 0; n < 9; ++n) {
    EXPECT_EQ(forecast.mean[static_cast<std::size_t>(forecast.index(0, 0, n, 0))], 1e-4F);
    EXPECT_EQ(forecast.mean[static_cast<std::size_t>(forecast.index(1, 0, n, 0))],
              std::max(2.0F * static_cast<float>(panel.count(49, n, 0)), 1e-4F));
  }
}

TEST(MeanBaseline, IsPreparedOncePerPanelAndAgainByFit) {
  data::Panel panel = test::small_panel(), other = test::small_panel(120, 3, 3, 2, 8);
  TwiceLast baseline;
  const std::vector<std::int64_t> origins = {100};
  baseline.fit(panel, kSplit);
  baseline.predict(panel, origins, 1);
  baseline.predict(panel, origins, 1);
  EXPECT_EQ(baseline.prepared, 1);
  baseline.predict(other, origins, 1);
  EXPECT_EQ(baseline.prepared, 2);
  baseline.fit(other, kSplit);  // it may hold other counts at the same address
  EXPECT_EQ(baseline.prepared, 3);
}

TEST(MeanBaseline, PredictingUnfittedOrOutsideThePanelIsRefused) {
  const data::Panel panel = test::small_panel();
  TwiceLast baseline;
  const std::vector<std::int64_t> last = {120}, beyond = {121}, before = {-1};
  EXPECT_THROW(baseline.predict(panel, last, 1), ShapeError);
  baseline.fit(panel, kSplit);
  EXPECT_NO_THROW(baseline.predict(panel, last, 1));
  EXPECT_THROW(baseline.predict(panel, beyond, 1), ShapeError);
  EXPECT_THROW(baseline.predict(panel, before, 1), ShapeError);
}

}  // namespace
}  // namespace precinct::models
