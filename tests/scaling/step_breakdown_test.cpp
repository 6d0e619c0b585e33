// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/step_breakdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scaling/made_measurement.h"

namespace precinct::scaling {
namespace {

using test::even_rank;
using test::made_run;
using testing::IsEmpty;

TEST(StepParts, AreMeansOverTheRanksAndAddUpToTheStep) {
  const auto run = made_run("dp2", {even_rank(0.1, 0.01, 0.04), even_rank(0.1, 0.02, 0.01)});
  const auto parts = parts_of(run);
  EXPECT_NEAR(parts.data, 0.015, 1e-12);
  EXPECT_NEAR(parts.waiting, 0.025, 1e-12);
  EXPECT_NEAR(parts.compute, 0.06, 1e-12);
  EXPECT_NEAR(parts.imbalance, 0.015, 1e-12);  // 60 and 90 ms of work: 15 more than their mean
  EXPECT_NEAR(parts.data + parts.waiting + parts.compute, 0.1, 1e-12);
}

TEST(Stragglers, AreNamedWithPhaseAndFactor) {
  const auto found =
      stragglers_of(made_run("dp4", {even_rank(0.2, 0.001, 0.1), even_rank(0.2, 0.001, 0.1),
                                     even_rank(0.2, 0.001, 0.001), even_rank(0.2, 0.001, 0.1)}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rank, 2U);
  EXPECT_EQ(found[0].host, "host");
  EXPECT_EQ(found[0].phase, "compute");
  EXPECT_NEAR(found[0].factor, 2, 1e-9);
  EXPECT_NEAR(found[0].seconds, 0.099, 1e-9);
}

TEST(Stragglers, NeedMoreThanNoiseAndMoreThanAMoment) {
  EXPECT_THAT(stragglers_of(made_run("serial", {even_rank(0.1, 0.001, 0)})), IsEmpty());
  // twice the time for the batch, which is nothing
  EXPECT_THAT(stragglers_of(made_run("dp2", {even_rank(0.1, 0.002, 0), even_rank(0.1, 0.001, 0)})),
              IsEmpty());
  // a quarter more
  EXPECT_THAT(stragglers_of(made_run("dp2", {even_rank(0.1, 0, 0), even_rank(0.1, 0, 0.02)})),
              IsEmpty());
  // half as much again at the median, within the spread of both
  RankTimes calm = even_rank(0.1, 0, 0, 8), wild = even_rank(0.1, 0, 0, 8);
  calm.total = {0.02, 0.03, 0.05, 0.06, 0.06, 0.15, 0.17, 0.2};
  wild.total = {0.02, 0.04, 0.08, 0.09, 0.1, 0.12, 0.18, 0.2};
  EXPECT_THAT(stragglers_of(made_run("dp2", {calm, wild})), IsEmpty());
}

}  // namespace
}  // namespace precinct::scaling
