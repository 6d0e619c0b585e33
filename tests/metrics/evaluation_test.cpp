// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "tests/support/made_forecast.h"
#include "tests/support/small_panel.h"

namespace precinct::metrics {
namespace {

using models::Family;
using test::made_forecast;
using ::testing::ElementsAre;

constexpr data::BinRange kTrain{0, 100}, kTest{140, 200};
constexpr std::int64_t kHorizon = 3;

config::EvaluateConfig small_config() {
  config::EvaluateConfig config;
  config.reference = "truth";
  config.bootstrap_replicates = 200;
  return config;
}

/// The law that made the counts, the law with noise, a constant, and a point forecast.
std::vector<NamedForecast> four_forecasts(const data::Panel& panel, double noise = .5) {
  const auto origins = evaluation_origins(kTest, kHorizon, 1, 0);
  std::vector<NamedForecast> list;
  list.push_back(
      {"noisy", false, made_forecast(panel, origins, kHorizon, Family::kNegativeBinomial2, noise)});
  list.push_back({"point", false, made_forecast(panel, origins, kHorizon, Family::kPoint, noise)});
  list.push_back({"truth", true, made_forecast(panel, origins, kHorizon, Family::kPoisson)});
  list.push_back({"flat", true, made_forecast(panel, origins, kHorizon, Family::kPoisson)});
  for (float& mean : list.back().forecast.mean) mean = .6F;
  return list;
}

Evaluation evaluate_small(const data::Panel& panel, const std::vector<NamedForecast>& forecasts,
                          const config::EvaluateConfig& config = small_config()) {
  return evaluate(panel, kTest, "test", kTrain, forecasts, config);
}

TEST(Evaluation, OriginsReachEveryTargetAtEveryHorizon) {
  EXPECT_THAT(evaluation_origins({10, 13}, 3, 1, 0), ElementsAre(8, 9, 10, 11, 12));
  EXPECT_THAT(evaluation_origins({10, 13}, 3, 2, 0), ElementsAre(8, 10, 12));
  EXPECT_THAT(evaluation_origins({10, 13}, 3, 1, 10), ElementsAre(10, 11, 12));
  EXPECT_THAT(evaluation_origins({10, 10}, 1, 1, 0), ElementsAre());
}

TEST(Evaluation, EveryCellOfTheRangeIsScoredOncePerHorizon) {
  const data::Panel panel = test::small_panel(200);
  const Evaluation e = evaluate_small(panel, four_forecasts(panel));
  EXPECT_EQ(e.num_cells, kTest.size() * kHorizon * panel.num_nodes * panel.num_categories);
}

// The figures of a plain loop over the cells.
TEST(Evaluation, FiguresEqualAPlainLoop) {
  const data::Panel panel = test::small_panel(200);
  const auto forecasts = four_forecasts(panel);
  const Evaluation e = evaluate_small(panel, forecasts);
  const models::Forecast& f = forecasts[0].forecast;
  double absolute = 0, squared = 0, nll = 0, count = 0, masked = 0, masked_cells = 0, cells = 0,
         seasonal = 0, steps = 0;
  for (std::size_t o = 0; o < f.origins.size(); ++o)
    for (std::int64_t h = 0; h < kHorizon; ++h) {
      const std::int64_t t = f.origins[o] + h;
      if (t < kTest.begin || t >= kTest.end) continue;
      for (std::int64_t n = 0; n < f.num_nodes; ++n)
        for (std::int64_t c = 0; c < f.num_categories; ++c) {
          const auto i = static_cast<std::size_t>(f.index(static_cast<std::int64_t>(o), h, n, c));
          const double mu = f.mean[i], a = f.dispersion[i], y = panel.count(t, n, c);
          absolute += std::abs(mu - y);
          squared += (mu - y) * (mu - y);
          nll -= std::lgamma(y + 1 / a) - std::lgamma(1 / a) - std::lgamma(y + 1) -
                 std::log1p(a * mu) / a + y * std::log(a * mu / (1 + a * mu));
          count += y;
          masked += y > 0 ? std::abs(mu - y) : 0;
          masked_cells += y > 0;
          cells += 1;
        }
    }
  for (std::int64_t t = 7; t < 100; ++t)
    for (std::int64_t n = 0; n < panel.num_nodes; ++n)
      for (std::int64_t c = 0; c < panel.num_categories; ++c, ++steps)
        seasonal += std::abs(double(panel.count(t, n, c)) - double(panel.count(t - 7, n, c)));
  const Figures& total = e.get("noisy").total;
  EXPECT_NEAR(total.at("MAE"), absolute / cells, 1e-12);
  EXPECT_NEAR(total.at("RMSE"), std::sqrt(squared / cells), 1e-12);
  EXPECT_NEAR(total.at("NLL"), nll / cells, 1e-11);
  EXPECT_NEAR(total.at("WAPE"), absolute / count, 1e-12);
  EXPECT_NEAR(total.at("MASE"), (absolute / cells) / (seasonal / steps), 1e-12);
  EXPECT_NEAR(e.get("noisy").masked.at("MAE"), masked / masked_cells, 1e-12);
  EXPECT_GT(e.get("noisy").masked.at("MAE"), total.at("MAE"));
}

TEST(Evaluation, PartsAddUpToTheTotal) {
  const data::Panel panel = test::small_panel(200);
  const Evaluation e = evaluate_small(panel, four_forecasts(panel));
  for (const auto& f : e.forecasters) {
    for (const auto* parts : {&f.per_horizon, &f.per_category, &f.per_district}) {
      for (const char* name :
           {"MAE", "NLL", "CRPS", "coverage_90", "PIT_coverage_50", "poisson_deviance"}) {
        if (!f.total.contains(name)) continue;
        double sum = 0;  // the parts are equally large: each target is scored at each horizon
        for (const auto& part : *parts) sum += part.at(name);
        EXPECT_NEAR(sum / static_cast<double>(parts->size()), f.total.at(name), 1e-12)
            << f.name << " " << name;
      }
      for (const auto& part : *parts) EXPECT_TRUE(part.contains("MASE"));
    }
    EXPECT_EQ(f.per_horizon.size(), 3U);
    EXPECT_EQ(f.per_category.size(), 2U);
    EXPECT_EQ(f.per_district.size(), 9U);
    for (const char* name :
         {"PAI@1%", "PAI@5%", "PAI@10%", "PEI@5%", "hit_rate@5%", "PAI_km2@10%"}) {
      double sum = 0;
      for (const auto& part : f.per_category) sum += part.at(name);
      EXPECT_NEAR(sum / 2, f.total.at(name), 1e-12) << name;
      EXPECT_TRUE(f.per_horizon[0].contains(name));
    }
  }
}

TEST(Evaluation, ThePoissonLawItselfIsWellCalibrated) {
  const data::Panel panel = test::small_panel(200);
  const Evaluation e = evaluate_small(panel, four_forecasts(panel));
  // 1,080 cells, each counted at three horizons: standard error .009.
  EXPECT_NEAR(e.get("truth").total.at("PIT_coverage_90"), .9, .04);
  EXPECT_LT(e.get("truth").total.at("NLL"), e.get("flat").total.at("NLL"));
}

TEST(Evaluation, UnobservedCellsAreLeftOut) {
  data::Panel panel = test::small_panel(200);
  const auto forecasts = four_forecasts(panel);
  const Evaluation all = evaluate_small(panel, forecasts);
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
  const std::int64_t gone = 8;  // the district of the largest rate
  for (std::int64_t t = 150; t < 160; ++t)
    panel.observed[static_cast<std::size_t>(t * panel.num_nodes + gone)] = 0;
  auto counts = std::get<std::vector<std::uint8_t>>(panel.counts.storage());
  for (std::int64_t t = 150; t < 160; ++t)
    counts[static_cast<std::size_t>(panel.index(t, gone, 0))] = 200;  // must not be seen
  panel.counts = data::CountArray(counts);
  const Evaluation some = evaluate_small(panel, forecasts);
  EXPECT_EQ(all.num_cells - some.num_cells, 10 * 3 * 2);
  EXPECT_LT(some.get("truth").total.at("MAE"), 2);
  EXPECT_LE(some.get("truth").total.at("PEI@10%"), 1);
  EXPECT_NE(some.get("truth").total.at("PAI@10%"), all.get("truth").total.at("PAI@10%"));
  EXPECT_EQ(some.get("truth").per_district[0].at("NLL"),
            all.get("truth").per_district[0].at("NLL"));
}

TEST(Evaluation, SaysNoBetterWhenTheIntervalHoldsZero) {
  const data::Panel panel = test::small_panel(200);
  auto forecasts = four_forecasts(panel);
  // Hardly another forecast than the law itself.
  forecasts[0].forecast =
      made_forecast(panel, forecasts[0].forecast.origins, kHorizon, Family::kPoisson, .002);
  const Evaluation e = evaluate_small(panel, forecasts);
  EXPECT_TRUE(e.get("noisy").skill.holds_zero());
  EXPECT_EQ(e.get("noisy").verdict, "no better than truth");
  EXPECT_THAT(e.to_text(true), ::testing::HasSubstr("no better than truth"));
  EXPECT_EQ(e.get("truth").verdict, "the reference");
}

TEST(Evaluation, DoesNotSaySoWhenTheIntervalIsClearOfZero) {
  const data::Panel panel = test::small_panel(200);
  auto config = small_config();
  Evaluation e = evaluate_small(panel, four_forecasts(panel, .8), config);
  EXPECT_EQ(e.get("noisy").verdict, "worse than truth");
  EXPECT_EQ(e.get("flat").verdict, "worse than truth");
  config.reference = "flat";
  e = evaluate_small(panel, four_forecasts(panel, 0), config);
  EXPECT_EQ(e.get("truth").verdict, "better than flat");
  EXPECT_GT(e.get("truth").skill.low, 0);
  EXPECT_THAT(e.to_text(true), ::testing::Not(::testing::HasSubstr("no better")));
}

TEST(Evaluation, PointForecastsAreComparedBySquaredError) {
  const data::Panel panel = test::small_panel(200);
  const Evaluation e = evaluate_small(panel, four_forecasts(panel, .8));
  const auto& point = e.get("point");
  EXPECT_EQ(point.score, "MSE");
  const double ratio = point.total.at("RMSE") / e.get("truth").total.at("RMSE");
  EXPECT_NEAR(point.skill.value, 1 - ratio * ratio, 1e-12);
  EXPECT_EQ(point.verdict, "worse than truth");
  EXPECT_FALSE(point.total.contains("NLL"));
  EXPECT_EQ(e.get("noisy").score, "NLL");
}

TEST(Evaluation, BootstrapBlocksAreSevenDaysFourWeeksOneMonthUnlessSet) {
  data::Panel panel = test::small_panel(200);
  const auto block = [&](const char* bin, std::int64_t configured) {
    panel.axis = BinAxis(BinSpec::parse(bin), {days_from_civil(2018, 1, 1), 0});
    auto config = small_config();
    config.bootstrap_block = configured;
    return evaluate_small(panel, four_forecasts(panel), config).bootstrap_block;
  };
  EXPECT_EQ(block("day", 0), 7);
  EXPECT_EQ(block("hours:6", 0), 28);
  EXPECT_EQ(block("week", 0), 4);
  EXPECT_EQ(block("month", 0), 1);
  EXPECT_EQ(block("day", 14), 14);
}

TEST(Evaluation, ForecastsThatCannotBeComparedAreRefused) {
  const data::Panel panel = test::small_panel(200);
  auto forecasts = four_forecasts(panel);
  forecasts[1].forecast.origins[0] += 1;
  EXPECT_THROW(evaluate_small(panel, forecasts), ShapeError);
  forecasts = four_forecasts(panel);
  forecasts[2].forecast.num_nodes -= 1;
  EXPECT_THROW(evaluate_small(panel, forecasts), ShapeError);
  EXPECT_THROW(evaluate_small(panel, {}), DataError);
  forecasts = four_forecasts(panel);
  forecasts[0].forecast.mean[500] = std::nanf("");
  EXPECT_THROW(evaluate_small(panel, forecasts), NumericError);
  EXPECT_THROW(evaluate_small(panel, four_forecasts(panel)).get("nobody"), ConfigError);
}

}  // namespace
}  // namespace precinct::metrics
