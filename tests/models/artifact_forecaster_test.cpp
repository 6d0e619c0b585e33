// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/artifact_forecaster.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "data/features/gamma_poisson.h"
#include "models/network_inputs.h"
#include "models/safetensors.h"
#include "tests/support/changed_future.h"
#include "tests/support/made_batch.h"

namespace precinct::models {
namespace {

using data::Panel;

constexpr std::int64_t kLookback = 10, kHorizon = 3;
constexpr int kPlanted = 20;  // cases with a leak that must be seen in each

/// A frozen network whose weights were never trained but lie away from zero, so that every input
/// counts. Learnt from bins of a city of its own.
class Frozen {
 public:
  Frozen(const std::string& name, bool has_mask) {
    Panel city = test::small_panel(40, 2, 2, 2, 12345);
    if (has_mask) city.observed.assign(40 * 4, 1);
    auto config = test::made_config(name, {.lookback = kLookback, .horizon = kHorizon});
    config.input.ewma_half_lives = {7, 28};
    artifact_ = describe_panel(config, city, "hash");
    artifact_.features = data::FeatureSpec::fit(city, config.input, config.data, {0, 28});
    artifact_.anchor = data::choose_gamma_poisson(city, {20, 28});
    artifact_.anchor->half_life = 10;  // else each forecast warns of a short history
    const auto features =
        data::FeatureSet::compute(city, artifact_.features, kHorizon, artifact_.anchor);
    model_ = build_model(config, make_context(config, city, artifact_.features, features,
                                              artifact_.anchor, artifact_.graph));
    initialize_by_name(*model_, 1);
    test::shake(*model_, 2, .1);
    for (const auto& [key, tensor] : named_tensors(*model_))
      artifact_.weights[key] = tensor.detach().clone();
    forecaster_ = std::make_unique<ArtifactForecaster>(artifact_);
  }

  std::vector<float> forecast(const Panel& panel, std::int64_t e) const {
    const std::vector<std::int64_t> origins = {e};
    return flat(forecaster_->predict(panel, origins, kHorizon));
  }

  enum class Leak { kNone, kShiftedAnchor, kMeansWithOrigin, kScalerOfEverything };
  /// The same forecast put together by hand, with a leak planted.
  std::vector<float> forecast_by_hand(const Panel& panel, std::int64_t e, Leak leak) const {
    const auto& config = artifact_.config;
    auto spec = artifact_.features;
    if (leak == Leak::kScalerOfEverything)
      spec.scaler =
          data::FeatureSpec::fit(panel, config.input, config.data, {0, panel.num_bins}).scaler;
    auto features = data::FeatureSet::compute(panel, spec, kHorizon, artifact_.anchor);
    if (leak == Leak::kMeansWithOrigin) {  // row e becomes row e + 1
      const std::int64_t row = panel.num_nodes * features.num_origin;
      features.origin.erase(features.origin.begin(), features.origin.begin() + row);
      features.origin.resize(features.origin.size() + static_cast<std::size_t>(row), 0);
    }
    const Panel shifted = one_bin_later(panel);
    if (leak == Leak::kShiftedAnchor)
      features.anchor =
          std::make_shared<data::GammaPoissonSeries>(shifted, artifact_.anchor.value());
    const data::ResidentSeries series(panel, features, kLookback, kHorizon, c10::kCPU);
    const std::vector<std::int64_t> origins = {e};
    return flat(predict_windows(*model_, config.head, series, origins, kHorizon));
  }

 private:
  static std::vector<float> flat(const Forecast& forecast) {
    std::vector<float> all = forecast.mean;
    all.insert(all.end(), forecast.dispersion.begin(), forecast.dispersion.end());
    return all;
  }
  /// Bin t of the result is bin t + 1 of the panel.
  static Panel one_bin_later(const Panel& panel) {
    Panel other = panel;
    const std::int64_t row = panel.index(1, 0, 0);
    std::vector<std::uint32_t> counts;
    for (std::int64_t i = 0; i < panel.counts.size(); ++i)
      counts.push_back(i + row < panel.counts.size() ? panel.counts[i + row] : 0);
    other.counts = data::CountArray::from_u32(counts);
    for (std::size_t i = 0; i + 4 < other.observed.size(); ++i)
      other.observed[i] = panel.observed[i + 4];
    return other;
  }

  Artifact artifact_;
  std::shared_ptr<ForecastModel> model_;
  std::unique_ptr<ArtifactForecaster> forecaster_;
};

class FrozenNetwork : public testing::TestWithParam<std::string> {
 protected:
  const Frozen plain_{GetParam(), false}, masked_{GetParam(), true};
  const Frozen& of(const Panel& panel) const { return panel.observed.empty() ? plain_ : masked_; }
};
INSTANTIATE_TEST_SUITE_P(Networks, FrozenNetwork, testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return info.param; });

TEST_P(FrozenNetwork, AForecastUsesNothingAfterItsOrigin) {
  EXPECT_EQ(test::num_cases_that_see_the_future(
                [&](const Panel& panel, std::int64_t e) { return of(panel).forecast(panel, e); }),
            0);
  // The bin before the origin is used: changed, it shows.
  EXPECT_EQ(
      test::num_cases_that_see_the_future(
          [&](const Panel& panel, std::int64_t e) { return of(panel).forecast(panel, e + 1); }, 20),
      20);
}

TEST_P(FrozenNetwork, EachPlantedLeakIsSeen) {
  const auto num_seen = [&](Frozen::Leak leak) {
    return test::num_cases_that_see_the_future(
        [&](const Panel& panel, std::int64_t e) {
          return of(panel).forecast_by_hand(panel, e, leak);
        },
        kPlanted);
  };
  EXPECT_EQ(num_seen(Frozen::Leak::kNone), 0);
  EXPECT_EQ(num_seen(Frozen::Leak::kShiftedAnchor), kPlanted);
  EXPECT_EQ(num_seen(Frozen::Leak::kMeansWithOrigin), kPlanted);
  EXPECT_EQ(num_seen(Frozen::Leak::kScalerOfEverything), kPlanted);
}

TEST_P(FrozenNetwork, TheForecastOfAnArtifactIsThatOfItsNetwork) {
  const Panel panel = test::small_panel(40, 2, 2, 2, 99);
  EXPECT_EQ(plain_.forecast(panel, 33), plain_.forecast_by_hand(panel, 33, Frozen::Leak::kNone));
}

TEST_P(FrozenNetwork, ForecastsBeyondTheEndAreFiniteAndPositive) {
  const Panel panel = test::small_panel(40, 2, 2, 2, 99);
  const auto values = plain_.forecast(panel, 40);
  EXPECT_EQ(values.size(), 2U * kHorizon * 4 * 2);
  for (const float x : values) EXPECT_TRUE(std::isfinite(x) && x > 0);
}

}  // namespace
}  // namespace precinct::models
