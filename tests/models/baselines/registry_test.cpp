// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/baselines/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tests/support/small_panel.h"

namespace precinct::models {
namespace {

TEST(BaselineRegistry, HoldsEveryBaselineOfTheIssueUnderItsOwnName) {
  const auto names = baseline_names();
  for (const char* name : {"last_value", "seasonal_naive", "historical_mean", "moving_average_28",
                           "moving_average_365", "share_level_season", "ewma", "gamma_poisson"})
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  for (const std::string& name : names) EXPECT_EQ(make_baseline(name)->name(), name);
}

TEST(BaselineRegistry, AnUnknownNameIsRefusedWithTheKnownOnes) {
  try {
    make_baseline("arima");
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("arima"), std::string::npos);
    EXPECT_NE(message.find("gamma_poisson"), std::string::npos);
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(BaselineRegistry, EachForecastsEveryCellBeyondTheEndWithADistribution) {
  const data::Panel panel = test::small_panel();
  const std::vector<std::int64_t> origins = {100, 119, 120};
  for (const std::string& name : baseline_names()) {
    const auto baseline = make_baseline(name);
    EXPECT_THROW(baseline->predict(panel, origins, 7), ShapeError) << name << " was not fitted";
    baseline->fit(panel, {{0, 80}, {80, 100}, {100, 120}, {}});
    const Forecast forecast = baseline->predict(panel, origins, 7);
    EXPECT_EQ(forecast.size(), 3 * 7 * 9 * 2) << name;
    ASSERT_EQ(static_cast<std::int64_t>(forecast.mean.size()), forecast.size()) << name;
    ASSERT_EQ(forecast.dispersion.size(), forecast.mean.size()) << name;
    for (std::size_t i = 0; i < forecast.mean.size(); ++i) {
      EXPECT_TRUE(std::isfinite(forecast.mean[i]) && forecast.mean[i] >= 1e-4F) << name;
      EXPECT_TRUE(std::isfinite(forecast.dispersion[i]) && forecast.dispersion[i] > 0) << name;
    }
  }
}

}  // namespace
}  // namespace precinct::models
