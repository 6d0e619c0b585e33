// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/speedup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/scaling/made_measurement.h"

namespace precinct::scaling {
namespace {

using test::even_rank;
using test::made_measurement;
using test::made_run;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Quartiles, AreNumpysWhateverTheOrder) {
  // numpy.percentile([7, 1, 3, 10], [25, 50, 75])
  const auto q = quartiles({7, 1, 3, 10});
  EXPECT_DOUBLE_EQ(q.low, 2.5);
  EXPECT_DOUBLE_EQ(q.median, 5);
  EXPECT_DOUBLE_EQ(q.high, 7.75);
  EXPECT_EQ(quartiles({4}).high, 4);
  EXPECT_EQ(quartiles({}).median, 0);
}

TEST(Speedup, IsOverTheFastestRunInOneProcessAndEfficiencyOverOneThread) {
  const auto rows = rows_of(made_measurement());
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_NEAR(rows[0].speedup->median, 1, 1e-12);
  EXPECT_NEAR(rows[0].efficiency.value(), 1.5 / 2, 1e-12);
  EXPECT_NEAR(rows[1].speedup->median, 0.1 / 0.15, 1e-12);
  EXPECT_NEAR(rows[1].efficiency.value(), 1, 1e-12);
  EXPECT_NEAR(rows[2].speedup->median, 0.1 / 0.075, 1e-12);
  EXPECT_NEAR(rows[2].over_one_thread->median, 2, 1e-12);
  EXPECT_NEAR(rows[2].efficiency.value(), 1, 1e-12);
  EXPECT_NEAR(rows[2].windows_per_second, 60 / 0.075, 1e-9);
}

/// Trials had chosen two threads, the rounds say that one is faster.
TEST(Speedup, IsOverOneThreadWhereThatTurnsOutToBeTheFastest) {
  auto m = made_measurement();
  m.runs[1] = made_run("one thread", {even_rank(0.09, 0.001, 0)});
  const auto rows = rows_of(m);
  EXPECT_NEAR(rows[2].speedup->median, 0.09 / 0.075, 1e-12);
  EXPECT_NEAR(rows[1].speedup->median, 1, 1e-12);
  EXPECT_LT(rows[0].speedup->median, 1);
}

/// The machine gets slower by half in the last round; a ratio of rounds does not.
TEST(Speedup, ComparesRoundByRound) {
  auto m = made_measurement();
  for (auto& run : m.runs)
    for (auto& rank : run.ranks)
      for (std::size_t i = 4; i < 6; ++i) rank.total[i] *= 1.5;
  const auto rows = rows_of(m);
  EXPECT_NEAR(rows[2].speedup->low, 0.1 / 0.075, 1e-12);
  EXPECT_NEAR(rows[2].speedup->high, 0.1 / 0.075, 1e-12);
}

TEST(Speedup, TakesTheSlowestRankOfEachStep) {
  auto m = made_measurement();
  m.runs[2].ranks[1] = even_rank(0.2, 0.0005, 0.003);
  EXPECT_NEAR(rows_of(m)[2].speedup->median, 0.5, 1e-12);
}

TEST(SpeedupInvalid, ARowWhoseLossDiffersHasNoFigures) {
  auto m = made_measurement();
  m.runs[2].ranks[1].losses[2] *= 1 + 2e-5;
  const auto row = rows_of(m)[2];
  EXPECT_FALSE(row.is_valid());
  EXPECT_FALSE(row.speedup.has_value());
  EXPECT_FALSE(row.over_one_thread.has_value());
  EXPECT_FALSE(row.efficiency.has_value());
  EXPECT_EQ(row.check.disagreement->step, 2U);
  EXPECT_EQ(row.check.disagreement->what, "loss");
  EXPECT_THAT(
      invalid_rows(m),
      ElementsAre(testing::MatchesRegex(
          "made_dnn: dp2: rank 1: loss of step 2: expected the serial run's 0.3 within 1e-05 of "
          "it, found 0.300006; [^\n]+")));
  EXPECT_THAT(sentences(m),
              ElementsAre(HasSubstr("INVALID: made_dnn: dp2: rank 1: loss of step 2")));
}

TEST(SpeedupInvalid, WhatAgreesToRoundingDoesNotFire) {
  auto m = made_measurement();
  for (double& loss : m.runs[2].ranks[1].losses) loss *= 1 + 0.9e-5;
  for (double& norm : m.runs[2].ranks[1].gradient_norms) norm *= 1 - 0.9e-3;
  EXPECT_TRUE(rows_of(m)[2].is_valid());
  EXPECT_NEAR(rows_of(m)[2].check.largest_difference, 0.9e-5, 1e-8);
  EXPECT_THAT(invalid_rows(m), testing::IsEmpty());
}

TEST(SpeedupInvalid, ANormOrALossThatIsNoNumberFires) {
  auto m = made_measurement();
  m.runs[2].ranks[1].gradient_norms[1] = 3.1;
  EXPECT_EQ(rows_of(m)[2].check.disagreement->what, "gradient norm");
  m = made_measurement();
  m.runs[2].ranks[1].losses[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(rows_of(m)[2].check.disagreement->step, 3U);
  m = made_measurement();
  m.runs[0].ranks[0].losses[0] = m.runs[2].ranks[1].losses[0] =
      std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(rows_of(m)[2].is_valid()) << "two runs that went wrong do not confirm each other";
}

/// Rounding grows from step to step, a wrong gradient is there from the first one on.
TEST(SpeedupInvalid, LaterStepsMayDifferByMoreButNotByMuch) {
  auto m = made_measurement();
  for (auto& run : m.runs)
    for (auto& rank : run.ranks) {
      rank.losses.assign(60, 0.5);
      rank.gradient_norms.assign(60, 1);
    }
  m.runs[2].ranks[1].losses[20] = 0.5 * (1 + 0.9e-3);
  m.runs[2].ranks[1].gradient_norms[20] = 1.1;
  EXPECT_TRUE(rows_of(m)[2].is_valid());
  EXPECT_EQ(rows_of(m)[2].check.num_steps, 60U);
  EXPECT_NEAR(rows_of(m)[2].check.largest_difference, 0.9e-3, 1e-9);
  m.runs[2].ranks[1].losses[59] = 0.5 * (1 + 1.1e-3);
  EXPECT_EQ(rows_of(m)[2].check.disagreement->step, 59U);
  m.runs[2].ranks[1].losses[19] = 0.5 * (1 + 1.1e-5);
  EXPECT_EQ(rows_of(m)[2].check.disagreement->step, 19U);
}

TEST(SpeedupRefused, ALayoutThatIsNotOfferedIsNoFailure) {
  auto m = made_measurement();
  m.runs[2].name = "tp2";
  m.runs[2].refused = "parallel.tp: expected a divisor";
  m.runs[2].ranks.clear();
  EXPECT_FALSE(rows_of(m)[2].is_valid());
  EXPECT_THAT(invalid_rows(m), testing::IsEmpty());
  EXPECT_THAT(sentences(m), ElementsAre("tp2: not offered: parallel.tp: expected a divisor"));
}

/// Each of the parts that may limit a layout, made the largest.
TEST(SpeedupSentence, NamesTheLargestPart) {
  const auto said = [](std::vector<RankTimes> ranks, const std::string& name = "dp2") {
    auto m = made_measurement();
    m.runs[2] = made_run(name, std::move(ranks));
    m.runs[2].bytes_per_step = 158'300;
    m.runs[2].calls_per_step = 2;
    return sentences(m).at(0);
  };
  EXPECT_THAT(said({even_rank(0.12, 0.001, 0.04), even_rank(0.12, 0.001, 0.04)}),
              testing::StartsWith("dp2: 0.83x the fastest run in one process (2 threads), 1.25x "
                                  "one thread; of its step 66 % is computing, 33 % exposed "
                                  "communication (158.3 kB in 2 calls a step), 1 % gathering the "
                                  "batch; what limits it: waiting for messages, 33 % of the step"));
  EXPECT_THAT(said({even_rank(0.12, 0.001, 0.07), even_rank(0.12, 0.001, 0.001)}),
              HasSubstr("what limits it: unequal work"));
  EXPECT_THAT(said({even_rank(0.12, 0.001, 0.001), even_rank(0.12, 0.001, 0.001)}),
              HasSubstr("what limits it: computing, which takes 1.58x the processor time"));
  EXPECT_THAT(said({even_rank(0.12, 0.045, 0.001), even_rank(0.12, 0.045, 0.001)}),
              HasSubstr("what limits it: gathering the batch, 37 % of the step"));
  EXPECT_THAT(said({even_rank(0.12, 0.001, 0.04), even_rank(0.12, 0.001, 0.04)}, "pp2"),
              HasSubstr("what limits it: waiting for messages and for its turn in the pipeline"));
  EXPECT_THAT(said({even_rank(0.0775, 0.0005, 0.002), even_rank(0.0775, 0.0005, 0.002)}),
              HasSubstr("no part is 5 % of the step away"));
}

TEST(SpeedupSentence, SaysWhereRanksShareACore) {
  auto m = made_measurement();
  EXPECT_THAT(sentences(m).at(0), Not(HasSubstr("Oversubscribed")));
  m.cores = 1;
  EXPECT_THAT(sentences(m).at(0), HasSubstr("Oversubscribed: 2 ranks x 1 thread on 1 core."));
}

TEST(SpeedupSentence, NamesAStraggler) {
  auto m = made_measurement();
  m.runs[2] = made_run("dp2", {even_rank(0.1, 0.001, 0.03), even_rank(0.1, 0.031, 0.001)});
  EXPECT_THAT(
      sentences(m).at(0),
      HasSubstr(
          "Rank 1 (host) is slow in 'load batch': 31.0x the others' time, 30.0 ms more a step."));
}

TEST(Speedup, SaysThatOneOrTwoRoundsShowNothing) {
  auto m = made_measurement();
  for (const std::string& text : sentences(m)) EXPECT_THAT(text, Not(HasSubstr("Few samples")));
  m.rounds = 1;
  m.steps_per_round = 6;
  EXPECT_THAT(sentences(m).back(),
              HasSubstr("Few samples: 1 round of 6 steps, so that chance may make any"));
}

}  // namespace
}  // namespace precinct::scaling
