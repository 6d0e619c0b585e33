// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/gamma_poisson_baseline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "models/baselines/registry.h"
#include "tests/support/protocol_panels.h"
#include "tests/support/small_panel.h"

namespace precinct::models {
namespace {

/// Scores over all cells of the test range, one step ahead; formulas written down here again.
struct Scores {
  double nll = 0, rmse = 0;
};

Scores score(Forecaster& baseline, const data::Panel& panel, const data::Split& split) {
  baseline.fit(panel, split);
  std::vector<std::int64_t> origins;
  for (std::int64_t e = split.test.begin; e < split.test.end; ++e) origins.push_back(e);
  const Forecast forecast = baseline.predict(panel, origins, 1);
  Scores scores;
  for (std::size_t i = 0; i < forecast.mean.size(); ++i) {
    const std::int64_t cells = panel.num_nodes * panel.num_categories;
    const double y = panel.counts[split.test.begin * cells + static_cast<std::int64_t>(i)],
                 mu = forecast.mean[i], r = 1.0 / forecast.dispersion[i];
    scores.nll -= std::lgamma(y + r) - std::lgamma(r) - std::lgamma(y + 1) +
                  r * std::log(r / (r + mu)) + y * std::log(mu / (r + mu));
    scores.rmse += (y - mu) * (y - mu);
  }
  const auto count = static_cast<double>(forecast.mean.size());
  scores.nll /= count;
  scores.rmse = std::sqrt(scores.rmse / count);
  std::printf("%s: NB NLL %.5f RMSE %.4f\n", baseline.name().c_str(), scores.nll, scores.rmse);
  return scores;
}

TEST(GammaPoissonFigures, ChicagoDailyGridReachesItsTarget) {
  PRECINCT_NEED_SHARED_DATA(test::kChicagoCounts);
  const data::Panel panel = test::protocol_p1();
  ASSERT_EQ(panel.num_bins, 731);
  GammaPoissonBaseline baseline;
  const Scores scores = score(baseline, panel, test::split_p1());
  EXPECT_LE(scores.nll, .5755);
  EXPECT_NEAR(scores.rmse, .852, .001);
  // The search ends on the edges of its grids here; that is known.
  EXPECT_EQ(baseline.constants().prior, .25);
  EXPECT_EQ(baseline.constants().neighbour_weight, .7);
  EXPECT_EQ(baseline.constants().category_weight, .7);
  EXPECT_EQ(baseline.constants().level_half_life, 7);
  const auto mean = make_baseline("historical_mean");
  EXPECT_LT(scores.nll, score(*mean, panel, test::split_p1()).nll - .002);
}

TEST(GammaPoissonFigures, WestLaDailyDistrictsReachTheirTarget) {
  PRECINCT_NEED_SHARED_DATA(test::kWestLaCounts);
  PRECINCT_NEED_SHARED_DATA(test::kLapdEdges);
  const data::Panel panel = test::protocol_p3d();
  ASSERT_EQ(panel.num_bins, 504);
  ASSERT_EQ(panel.num_nodes, 69);
  EXPECT_GT(panel.graph.size(), 2 * 100);
  GammaPoissonBaseline baseline;
  const Scores scores = score(baseline, panel, test::split_p3d());
  EXPECT_LE(scores.nll, .4757);
  EXPECT_NEAR(scores.rmse, .4555, .0005);
  EXPECT_FALSE(baseline.constants().season_prior.has_value());  // a short panel: q = 1
  const auto mean = make_baseline("historical_mean");
  EXPECT_LT(scores.nll, score(*mean, panel, test::split_p3d()).nll - .0005);
}

TEST(GammaPoissonBaseline, IsTheSeriesWithTheConstantsOfTheValidationBins) {
  const data::Panel panel = test::small_panel();
  const data::Split split{{0, 80}, {80, 100}, {100, 120}, {}};
  GammaPoissonBaseline baseline;
  baseline.fit(panel, split);
  const auto constants = data::choose_gamma_poisson(panel, split.validation);
  const data::GammaPoissonSeries series(panel, constants);
  const std::vector<std::int64_t> origins = {100, 120};
  const Forecast forecast = baseline.predict(panel, origins, 9);
  for (std::size_t o = 0; o < 2; ++o) {
    std::vector<float> mean(9 * 18);
    series.mean(origins[o], 9, mean.data());
    for (std::size_t i = 0; i < mean.size(); ++i) {
      EXPECT_EQ(forecast.mean[o * mean.size() + i], std::max(mean[i], 1e-4F));
      EXPECT_EQ(forecast.dispersion[o * mean.size() + i],
                static_cast<float>(constants.dispersion[i % 2]));
    }
  }
}

TEST(GammaPoissonBaseline, AnotherPanelIsForecastWithTheFittedConstants) {
  const data::Panel panel = test::small_panel(), other = test::small_panel(130, 3, 3, 2, 8);
  GammaPoissonBaseline baseline;
  baseline.fit(panel, {{0, 80}, {80, 100}, {100, 120}, {}});
  const std::vector<std::int64_t> origins = {130};
  std::vector<float> mean(18);
  data::GammaPoissonSeries(other, baseline.constants()).mean(130, 1, mean.data());
  const Forecast forecast = baseline.predict(other, origins, 1);
  for (std::size_t i = 0; i < mean.size(); ++i)
    EXPECT_EQ(forecast.mean[i], std::max(mean[i], 1e-4F));
  EXPECT_THROW(baseline.predict(panel, origins, 1), ShapeError);
}

}  // namespace
}  // namespace precinct::models
