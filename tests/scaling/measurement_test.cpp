// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/measurement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/scaling/made_measurement.h"

namespace precinct::scaling {
namespace {

TEST(Measurement, ComesBackFromItsText) {
  auto m = test::made_measurement();
  m.runs[2].ranks[1].total[3] = 0.1 + 1e-17 / 3;
  m.runs[1].refused = "because \"so\"";
  const nlohmann::json json = m;
  const auto back = nlohmann::json::parse(json.dump()).get<Measurement>();
  EXPECT_EQ(nlohmann::json(back), json);
  EXPECT_EQ(back.runs[2].ranks[1].total, m.runs[2].ranks[1].total);  // every bit
  EXPECT_EQ(back.runs[2].layout.dp, 2);
  EXPECT_EQ(back.trials[1].threads, 2);
}

TEST(Measurement, KeepsALossThatIsNoNumber) {
  auto m = test::made_measurement();
  m.runs[0].ranks[0].losses[1] = m.runs[0].ranks[0].gradient_norms[2] =
      std::numeric_limits<double>::quiet_NaN();
  const auto back = nlohmann::json::parse(nlohmann::json(m).dump()).get<Measurement>();
  EXPECT_TRUE(std::isnan(back.runs[0].ranks[0].losses[1]));
  EXPECT_TRUE(std::isnan(back.runs[0].ranks[0].gradient_norms[2]));
  EXPECT_EQ(back.runs[0].ranks[0].losses[0], 0.5);
}

}  // namespace
}  // namespace precinct::scaling
