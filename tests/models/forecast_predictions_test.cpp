// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/forecast_predictions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/hdf5_by_hand.h"
#include "tests/support/made_forecast.h"
#include "tests/support/small_panel.h"
#include "tests/support/temporary_folder.h"

namespace precinct::models {
namespace {

TEST(ForecastPredictions, EveryForecasterIsThereWithItsFamilyAndTheCounts) {
  data::Panel panel = test::small_panel(60);
  panel.observed.assign(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
  panel.observed[static_cast<std::size_t>(58 * panel.num_nodes + 4)] = 0;
  const std::vector<std::int64_t> origins = {50, 57, 59};
  const Forecast nb = test::made_forecast(panel, origins, 3, Family::kNegativeBinomial2, .4),
                 poisson = test::made_forecast(panel, origins, 3, Family::kPoisson, .2),
                 point = test::made_forecast(panel, origins, 3, Family::kPoint, .1);
  const test::TemporaryFolder folder;
  write_predictions(folder / "p.h5", panel,
                    {{"gat_tcn", &nb}, {"ewma", &poisson}, {"last_value", &point}});
  const test::Hdf5ByHand file(folder / "p.h5");
  EXPECT_EQ(file.numbers("/origins"), (std::vector<double>{50, 57, 59}));
  EXPECT_EQ(file.type("/origins"), "i8");
  EXPECT_EQ(file.texts("/districts").at(8), "d8");
  EXPECT_EQ(file.texts("/categories").at(1), "c1");
  EXPECT_EQ(file.attribute("/gat_tcn", "family"), "negative_binomial");
  EXPECT_EQ(file.attribute("/ewma", "family"), "poisson");
  EXPECT_EQ(file.attribute("/last_value", "family"), "point");
  EXPECT_FALSE(file.has("/ewma/dispersion"));
  const auto mean = file.numbers("/gat_tcn/mean"), dispersion = file.numbers("/gat_tcn/dispersion"),
             counts = file.numbers("/observed_counts");
  EXPECT_EQ(file.dims("/observed_counts"), (std::vector<hsize_t>{3, 3, 9, 2}));
  EXPECT_EQ(file.dims("/gat_tcn/mean"), (std::vector<hsize_t>{3, 3, 9, 2}));
  for (std::size_t o = 0; o < 3; ++o)
    for (std::int64_t h = 0; h < 3; ++h)
      for (std::int64_t n = 0; n < 9; ++n)
        for (std::int64_t c = 0; c < 2; ++c) {
          const auto i = static_cast<std::size_t>(nb.index(static_cast<std::int64_t>(o), h, n, c));
          EXPECT_EQ(mean[i], nb.mean[i]);
          EXPECT_EQ(dispersion[i], nb.dispersion[i]);
          const std::int64_t t = origins[o] + h;
          if (t >= 60 || (t == 58 && n == 4)) {
            EXPECT_TRUE(std::isnan(counts[i]));  // beyond the panel, or not observed
          } else {
            EXPECT_EQ(counts[i], panel.count(t, n, c));
          }
        }
}

TEST(ForecastPredictions, EqualForecastsAreEqualBytes) {
  const data::Panel panel = test::small_panel(60);
  const Forecast f = test::made_forecast(panel, {40, 41}, 2, Family::kPoisson);
  const test::TemporaryFolder folder;
  for (const char* name : {"a.h5", "b.h5"}) write_predictions(folder / name, panel, {{"ewma", &f}});
  EXPECT_EQ(read_file(folder / "a.h5"), read_file(folder / "b.h5"));
}

TEST(ForecastPredictions, NothingToWriteIsRefused) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(write_predictions(folder / "p.h5", test::small_panel(60), {}), ShapeError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace precinct::models
