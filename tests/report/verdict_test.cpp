// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/report_builder.h"
#include "tests/support/made_evaluation.h"
#include "tests/support/small_panel.h"

namespace precinct::report {
namespace {

using test::made_evaluation;
using testing::HasSubstr;
using testing::Not;

const test::MadeScore kReference{"gamma_poisson", true, .3168};

TEST(Verdict, SaysNoBetterWhenTheIntervalHoldsZero) {
  const auto v =
      verdict_of(made_evaluation({{"dnn", false, .3167, .0003, -.0008, .0009}, kReference}, "dnn"));
  EXPECT_FALSE(v.is_better);
  EXPECT_THAT(v.text, HasSubstr("dnn, the network picked before that range was seen, is no better "
                                "than the baseline gamma_poisson"));
  EXPECT_THAT(v.text, HasSubstr("0.03 % lower (95 % interval -0.08 to +0.09 %)"));
}

TEST(Verdict, SaysNoBetterOfANetworkThatIsTheReference) {
  const auto v = verdict_of(made_evaluation({{"dnn", false, .3168, 0, 0, 0}, kReference}, "dnn"));
  EXPECT_FALSE(v.is_better);
  EXPECT_THAT(v.text, HasSubstr("is no better than the baseline gamma_poisson"));
}

TEST(Verdict, SaysBetterOnlyWhenTheWholeIntervalIsAboveZero) {
  const auto v =
      verdict_of(made_evaluation({{"dnn", false, .31, .02, .01, .03}, kReference}, "dnn"));
  EXPECT_TRUE(v.is_better);
  EXPECT_THAT(v.text, HasSubstr("is better than the baseline gamma_poisson"));
}

TEST(Verdict, SaysWorse) {
  const auto v =
      verdict_of(made_evaluation({{"dnn", false, .33, -.04, -.05, -.03}, kReference}, "dnn"));
  EXPECT_FALSE(v.is_better);
  EXPECT_THAT(v.text, HasSubstr("is worse than the baseline gamma_poisson"));
  EXPECT_THAT(v.text, HasSubstr("4.00 % higher"));
}

TEST(Verdict, IsOnTheNetworkThatWasPickedNotOnTheBestOfTheTestRange) {
  const auto v = verdict_of(made_evaluation({{"dnn", false, .30, .05, .04, .06},
                                             {"crimenet", false, .3167, .0003, -.001, .001},
                                             kReference},
                                            "crimenet"));
  EXPECT_FALSE(v.is_better);
  EXPECT_THAT(v.text, HasSubstr("crimenet"));
  EXPECT_THAT(v.text, Not(HasSubstr("dnn")));
}

TEST(Verdict, SaysWhenNoNetworkWasPicked) {
  auto evaluation = made_evaluation({{"dnn", false, .31, .02, .01, .03},
                                     {"crimenet", false, .3167, .0003, -.001, .001},
                                     kReference});
  EXPECT_THAT(verdict_of(evaluation).text,
              HasSubstr("dnn, the first of 2 networks of which none was picked (their validation "
                        "scores are not known), is better than"));
  for (auto& f : evaluation["forecasters"]) f["choice"] = {{"metric", "val/NLL"}};
  EXPECT_THAT(verdict_of(evaluation).text, HasSubstr("scores have no common scale), is better"));
  EXPECT_THAT(verdict_of(evaluation).text, Not(HasSubstr("picked before")));
}

TEST(Verdict, ANetworkAloneWasPickedWhereItsChoiceIsKnown) {
  const std::vector<test::MadeScore> scores = {{"dnn", false, .31, .02, .01, .03}, kReference};
  EXPECT_THAT(verdict_of(made_evaluation(scores, "dnn")).text,
              HasSubstr("dnn, the network picked before that range was seen, is better than"));
  EXPECT_THAT(verdict_of(made_evaluation(scores)).text,
              HasSubstr("dnn, the only network, is better than"));
}

TEST(Verdict, NamesAnotherBaselineThatDoesBetterThanTheNetwork) {
  const auto v = verdict_of(made_evaluation(
      {{"dnn", false, .31, .02, .01, .03}, {"ewma", true, .30}, kReference}, "dnn"));
  EXPECT_FALSE(v.is_better);
  EXPECT_THAT(v.text, HasSubstr("The baseline ewma does better than it."));
}

TEST(Verdict, PointForecastsAreComparedBySquaredErrorAndHaveNoRange) {
  auto evaluation = made_evaluation(
      {{"dnn", false, 0, -.01, -.02, .005}, {"ewma", true, .31}, kReference}, "dnn");
  auto& rows = evaluation["forecasters"];
  rows[0]["total"].erase("NLL");
  rows[0]["skill"]["score"] = "MSE";
  rows[1]["total"]["RMSE"] = .36;
  const auto v = verdict_of(evaluation);
  EXPECT_FALSE(v.is_better);
  EXPECT_THAT(v.text, HasSubstr("is no better than the baseline gamma_poisson: its MSE is 1.00 % "
                                "higher"));
  EXPECT_THAT(v.text, HasSubstr("The baseline ewma does better than it."));
  EXPECT_THAT(v.text, HasSubstr("there is no range around them"));
}

TEST(Verdict, BaselinesAloneAndNoScoresAreSaidToBeSo) {
  EXPECT_THAT(verdict_of(made_evaluation({kReference})).text, HasSubstr("baselines alone"));
  EXPECT_THAT(verdict_of(nullptr).text, HasSubstr("Nothing was scored"));
}

TEST(WeightsNote, SaysThatTheEvaluatedWeightsForecastAfterTheLastBin) {
  const auto panel = test::small_panel(120);  // from 2020-03-15
  const auto note = weights_note(panel, {0, 96}, {96, 120});
  EXPECT_FALSE(note.has_seen_test);
  EXPECT_THAT(note.text, HasSubstr("The weights that were evaluated also make this forecast"));
  EXPECT_THAT(note.text, HasSubstr("learnt from counts up to 2020-06-18, before the test range"));
  EXPECT_THAT(note.text, HasSubstr("given the counts up to 2020-07-12"));
}

TEST(WeightsNote, NamesTheLastDayOfBinsThatAreLongerThanOne) {
  auto panel = test::small_panel(120);
  panel.axis = BinAxis(BinSpec::parse("week"), panel.axis.start());
  const auto note = weights_note(panel, {0, 96}, {96, 120});
  EXPECT_THAT(note.text, HasSubstr("learnt from counts up to 2022-01-15, before the test range"));
  EXPECT_THAT(note.text, HasSubstr("given the counts up to 2022-07-02"));
  EXPECT_THAT(weights_note(panel, {0, 97}, {96, 120}).text,
              HasSubstr("learnt from counts up to 2022-01-22"));
}

TEST(WeightsNote, OfAPanelThatEndsBeforeTheWeightsLearntIsTrueAsWell) {
  const auto panel = test::small_panel(120);
  const auto note = weights_note(panel, {120, 216}, {96, 120});
  EXPECT_FALSE(note.has_seen_test);
  EXPECT_THAT(note.text, HasSubstr("learnt from counts of 2020-07-13 to 2020-10-16, after the test "
                                   "range"));
}

TEST(WeightsNote, SaysWhenTheTestRangeWasLearntFrom) {
  const auto panel = test::small_panel(120);
  const auto note = weights_note(panel, {0, 97}, {96, 120});
  EXPECT_TRUE(note.has_seen_test);
  EXPECT_THAT(note.text, HasSubstr("no test"));
}

}  // namespace
}  // namespace precinct::report
