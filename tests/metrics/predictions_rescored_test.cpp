// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "metrics/evaluation.h"
#include "models/forecast_predictions.h"
#include "tests/support/hdf5_by_hand.h"
#include "tests/support/made_forecast.h"
#include "tests/support/small_panel.h"
#include "tests/support/temporary_folder.h"

namespace precinct::metrics {
namespace {

using models::Family;

/// log(1 (1+a) (1+2a) ... (1+(y-1)a) / y!), by the product.
double log_rising(double a, double y) {
  double sum = 0;
  for (double k = 0; k < y; ++k) sum += std::log((1 + a * k) / (k + 1));
  return sum;
}

/// Scores from the file alone: cells of targets in [begin, end) that were observed.
struct Rescored {
  double nll = 0, squared = 0, absolute = 0, cells = 0;
};
Rescored rescore(const test::Hdf5ByHand& file, const std::string& name, double begin, double end) {
  const auto origins = file.numbers("/origins"), counts = file.numbers("/observed_counts"),
             means = file.numbers("/" + name + "/mean");
  const bool nb = file.attribute("/" + name, "family") == "negative_binomial";
  const auto dispersions = nb ? file.numbers("/" + name + "/dispersion") : std::vector<double>();
  const auto dims = file.dims("/" + name + "/mean");
  const std::size_t cells = dims[2] * dims[3];
  Rescored r;
  for (std::size_t o = 0; o < dims[0]; ++o)
    for (std::size_t h = 0; h < dims[1]; ++h) {
      const double target = origins[o] + static_cast<double>(h);
      if (target < begin || target >= end) continue;
      for (std::size_t i = (o * dims[1] + h) * cells; i < (o * dims[1] + h + 1) * cells; ++i) {
        const double y = counts[i], mu = std::max(means[i], 1e-4), a = nb ? dispersions[i] : 0;
        if (std::isnan(y)) continue;
        r.nll -=
            log_rising(a, y) + y * std::log(mu) - (nb ? (y + 1 / a) * std::log(1 + a * mu) : mu);
        r.squared += (y - mu) * (y - mu);
        r.absolute += std::abs(y - mu);
        r.cells += 1;
      }
    }
  return r;
}

// contracts.md section 1: each score can be recomputed outside.
TEST(Predictions, ScoresRecomputedFromTheFileEqualTheEvaluation) {
  data::Panel panel = test::small_panel(160);
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
  for (std::size_t i = 130 * 9; i < 133 * 9 + 4; ++i) panel.observed[i] = 0;
  const data::BinRange range{120, 160};
  // Origins reach beyond the panel's last bin: those cells are in the file as NaN.
  const auto origins = evaluation_origins(range, 3, 1, 0);
  std::vector<NamedForecast> forecasts;
  forecasts.push_back(
      {"dnn", false, test::made_forecast(panel, origins, 3, Family::kNegativeBinomial2, .4)});
  forecasts.push_back(
      {"gamma_poisson", true, test::made_forecast(panel, origins, 3, Family::kPoisson, .1)});
  forecasts.push_back(
      {"last_value", true, test::made_forecast(panel, origins, 3, Family::kPoint, 1)});
  const auto evaluation = evaluate(panel, range, "test", {0, 100}, forecasts, {});
  const test::TemporaryFolder folder;
  std::vector<std::pair<std::string, const models::Forecast*>> list;
  for (const auto& f : forecasts) list.emplace_back(f.name, &f.forecast);
  models::write_predictions(folder / "p.h5", panel, list);
  const test::Hdf5ByHand file(folder / "p.h5");
  for (const auto& f : evaluation.forecasters) {
    const Rescored r = rescore(file, f.name, 120, 160);
    EXPECT_EQ(r.cells, static_cast<double>(evaluation.num_cells));
    EXPECT_NEAR(std::sqrt(r.squared / r.cells), f.total.at("RMSE"), 1e-12) << f.name;
    EXPECT_NEAR(r.absolute / r.cells, f.total.at("MAE"), 1e-12) << f.name;
    if (f.family != "point") {
      EXPECT_NEAR(r.nll / r.cells, f.total.at("NLL"), 1e-11) << f.name;
    }
  }
}

}  // namespace
}  // namespace precinct::metrics
