// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/report_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/small_panel.h"
#include "tests/support/temporary_folder.h"

namespace precinct::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kBins = 20, kNodes = 2, kCategories = 2;
const data::BinRange kTest{16, 20};

/// [20, 2, 2] with every count bin + 10 district + 100 category.
data::Panel counted_panel() {
  data::Panel panel = test::small_panel(kBins, 1, kNodes, kCategories);
  std::vector<std::uint32_t> counts;
  for (std::uint32_t t = 0; t < kBins; ++t)
    for (std::uint32_t n = 0; n < kNodes; ++n)
      for (std::uint32_t c = 0; c < kCategories; ++c) counts.push_back(t + 10 * n + 100 * c);
  panel.counts = data::CountArray::from_u32(counts);
  return panel;
}

/// A Poisson forecast from the given origins; the mean of a cell is its index + 1.
models::Forecast made_forecast(std::vector<std::int64_t> origins, std::int64_t horizon,
                               models::Family family = models::Family::kPoisson) {
  models::Forecast f;
  f.origins = std::move(origins);
  f.family = family;
  f.horizon = horizon;
  f.num_nodes = kNodes;
  f.num_categories = kCategories;
  f.mean.resize(static_cast<std::size_t>(f.size()));
  std::iota(f.mean.begin(), f.mean.end(), 1.F);
  return f;
}

std::vector<std::int64_t> test_origins() { return {14, 15, 16, 17, 18, 19}; }

/// Smallest y with P(Y <= y) >= p for a Poisson, by adding up its probabilities.
double poisson_quantile(double mean, double p) {
  double mass = std::exp(-mean), sum = mass;
  int y = 0;
  while (sum < p) {
    mass *= mean / ++y;
    sum += mass;
  }
  return y;
}

TEST(ReportBuilder, TestRangeHoldsSumsOverDistrictsOneStepAhead) {
  const auto panel = counted_panel();
  const auto coming = made_forecast({kBins}, 3), test = made_forecast(test_origins(), 3);
  const auto data = build_report(panel, kTest, {{"net", &coming, &test, {}}});
  ASSERT_EQ(data.test_bins.size(), 4U);
  EXPECT_EQ(data.test_bins.front(), "2020-03-31");
  // bin 16: 16 + 26 and 116 + 126
  EXPECT_THAT(std::vector<double>(data.test_actual.begin(), data.test_actual.begin() + 2),
              ElementsAre(42, 242));
  // origin 16 is the third: its first step has the means 25 26 / 27 28
  const auto& m = data.models[0];
  ASSERT_EQ(m.test_mean.size(), 8U);
  EXPECT_DOUBLE_EQ(m.test_mean[0], 25 + 27);
  EXPECT_DOUBLE_EQ(m.test_mean[1], 26 + 28);
  ASSERT_EQ(m.test_low.size(), 12U);  // with all categories together
  EXPECT_EQ(m.test_low[0], poisson_quantile(52, .05));
  EXPECT_EQ(m.test_high[1], poisson_quantile(54, .95));
  EXPECT_EQ(m.test_low[2], poisson_quantile(106, .05));
  EXPECT_EQ(m.test_high[2], poisson_quantile(106, .95));
}

TEST(ReportBuilder, ABinOfTheTestRangeThatWasNotObservedIsNoRecordedZero) {
  auto panel = counted_panel();
  panel.observed.assign(static_cast<std::size_t>(kBins * kNodes), 1);
  for (const std::int64_t cell : {16 * kNodes, 17 * kNodes, 17 * kNodes + 1})
    panel.observed[static_cast<std::size_t>(cell)] = 0;  // one of two districts, then both
  const auto coming = made_forecast({kBins}, 3), test = made_forecast(test_origins(), 3);
  const auto data = build_report(panel, kTest, {{"net", &coming, &test, {}}});
  ASSERT_EQ(data.test_actual.size(), 8U);
  EXPECT_EQ(data.test_actual[0], 26);
  EXPECT_TRUE(std::isnan(data.test_actual[2]));
  EXPECT_TRUE(std::isnan(data.test_actual[3]));
  EXPECT_EQ(data.test_actual[4], 18 + 28);
}

TEST(ReportBuilder, ComingBinsHaveRangesPerCellPerDistrictAndInAll) {
  const auto panel = counted_panel();
  const auto coming = made_forecast({kBins}, 3), test = made_forecast(test_origins(), 3);
  const auto data = build_report(panel, kTest, {{"net", &coming, &test, {}}});
  const auto& m = data.models[0];
  EXPECT_EQ(data.coming_bins.front(), "Sat 2020-04-04");
  EXPECT_EQ(data.block_label, "2020-04-04 to 2020-04-06");
  EXPECT_EQ(data.block_word, "3 days");
  EXPECT_THAT(data.title, HasSubstr("2 districts, 2020-04-04 to 2020-04-06"));
  ASSERT_EQ(m.low.size(), 3U * 2 * 3);
  EXPECT_EQ(m.high[3 * 1 + 0], poisson_quantile(3, .95));      // h 0, district 1, category 0
  EXPECT_EQ(m.high[3 * 1 + 2], poisson_quantile(3 + 4, .95));  // both categories
  ASSERT_EQ(m.sum_high.size(), 3U * 3);
  EXPECT_EQ(m.sum_high[0], poisson_quantile(1 + 5 + 9, .95));  // district 0, category 0, 3 bins
  EXPECT_EQ(m.sum_low[2 * 3 + 2], poisson_quantile(78, .05));  // everything: 1 + ... + 12
}

TEST(ReportBuilder, DispersionWidensRanges) {
  const auto panel = counted_panel();
  const auto test = made_forecast(test_origins(), 3);
  auto narrow = made_forecast({kBins}, 3), wide = narrow;
  wide.family = models::Family::kNegativeBinomial2;
  wide.dispersion.assign(wide.mean.size(), 1.F);
  const auto data =
      build_report(panel, kTest, {{"wide", &wide, &test, {}}, {"narrow", &narrow, &test, {}}});
  EXPECT_GT(data.models[0].sum_high.back(), data.models[1].sum_high.back());
  EXPECT_LT(data.models[0].sum_low.back(), data.models[1].sum_low.back());
}

TEST(ReportBuilder, PointForecastsHaveNoRange) {
  const auto panel = counted_panel();
  const auto coming = made_forecast({kBins}, 3, models::Family::kPoint),
             test = made_forecast(test_origins(), 3, models::Family::kPoint);
  const auto data = build_report(panel, kTest, {{"point", &coming, &test, {}}});
  EXPECT_FALSE(data.models[0].has_band);
  EXPECT_TRUE(data.models[0].low.empty());
  EXPECT_TRUE(data.models[0].test_low.empty());
  EXPECT_EQ(data.models[0].test_mean.size(), 8U);
}

TEST(ReportBuilder, PastIsRecordedInBlocksThatEndWithThePanel) {
  auto panel = counted_panel();
  const auto coming = made_forecast({kBins}, 3), test = made_forecast(test_origins(), 3);
  const auto data = build_report(panel, kTest, {{"net", &coming, &test, {}}});
  ASSERT_EQ(data.past_blocks.size(), 6U);  // 20 / 3
  EXPECT_EQ(data.past_blocks.back(), "2020-04-01 to 2020-04-03");
  ASSERT_EQ(data.past.size(), 6U * 4);
  EXPECT_DOUBLE_EQ(data.past[5 * 4 + 0], 17 + 18 + 19);
  EXPECT_DOUBLE_EQ(data.past[5 * 4 + 3], 17 + 18 + 19 + 330);

  panel.observed.assign(static_cast<std::size_t>(kBins * kNodes), 1);
  panel.observed[19 * kNodes] = 0;  // one of three
  for (std::int64_t t = 14; t < 17; ++t) panel.observed[static_cast<std::size_t>(t * kNodes)] = 0;
  const auto gaps = build_report(panel, kTest, {{"net", &coming, &test, {}}});
  EXPECT_DOUBLE_EQ(gaps.past[5 * 4 + 0], (17 + 18) * 1.5);
  EXPECT_TRUE(std::isnan(gaps.past[4 * 4 + 0]));
  EXPECT_DOUBLE_EQ(gaps.past[4 * 4 + 2], 14 + 15 + 16 + 30);
}

TEST(ReportBuilder, CurvesAreOfPhaseFitAndACutLineIsLeftOut) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "metrics.jsonl",
                        std::string("{\"epoch\":0.0,\"phase\":\"fit\",\"val/NLL\":0.5}\n"
                                    "{\"epoch\":1.0,\"phase\":\"fit\",\"train/loss\":0.4}\n"
                                    "{\"epoch\":1.0,\"phase\":\"fit\",\"lr\":0.4}\n"
                                    "{\"epoch\":1.0,\"phase\":\"refit\",\"train/loss\":0.1}\n"
                                    "{\"epoch\":2.0,\"phase\":\"fit\",\"val"));
  const auto panel = counted_panel();
  const auto coming = made_forecast({kBins}, 3), test = made_forecast(test_origins(), 3);
  const auto data = build_report(panel, kTest, {{"net", &coming, &test, folder / "metrics.jsonl"}});
  EXPECT_EQ(data.models[0].curve, nlohmann::json({{{"epoch", 0.0}, {"val_nll", .5}},
                                                  {{"epoch", 1.0}, {"train_loss", .4}}}));
}

TEST(ReportBuilder, ForecastsThatDoNotFitAreRefused) {
  const auto panel = counted_panel();
  const auto coming = made_forecast({kBins}, 3), test = made_forecast(test_origins(), 3);
  const auto early = made_forecast({kBins - 1}, 3), gap = made_forecast({16, 18, 19}, 3);
  auto small = coming;
  small.num_nodes = 1;
  EXPECT_THROW(build_report(panel, kTest, {{"net", &early, &test, {}}}), ShapeError);
  EXPECT_THROW(build_report(panel, kTest, {{"net", &coming, &gap, {}}}), ShapeError);
  EXPECT_THROW(build_report(panel, kTest, {{"net", &small, &test, {}}}), ShapeError);
}

}  // namespace
}  // namespace precinct::report
