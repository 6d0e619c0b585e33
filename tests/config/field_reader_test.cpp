// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/field_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/config_files.h"

namespace precinct::config {
namespace {

using test::problems_in;
using test::problems_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// One problem that says where, expected, found.
auto problem(const std::string& where, const std::string& expected, const std::string& found) {
  return AllOf(HasSubstr(where), HasSubstr("expected " + expected), HasSubstr("found " + found));
}

TEST(FieldReader, WrongTypesSayWhatWasExpected) {
  EXPECT_THAT(
      problems_in("train:\n  epochs: many\n"),
      ElementsAre(problem("a.yaml:2: train.epochs: ", "a whole number in 0..100000", "'many'")));
  EXPECT_THAT(problems_in("train: {epochs: 2.5}\n"),
              ElementsAre(problem("train.epochs", "a whole number", "'2.5'")));
  EXPECT_THAT(problems_in("train: {optimizer: {lr: fast}}\n"),
              ElementsAre(problem("train.optimizer.lr: ", "a number in 0..10", "'fast'")));
  EXPECT_THAT(problems_in("train: {tf32: yes}\n"),
              ElementsAre(problem("train.tf32", "true or false", "'yes'")));
  EXPECT_THAT(problems_in("run: {seed: -1}\n"),
              ElementsAre(problem("run.seed", "a whole number in 0..", "'-1'")));
  EXPECT_THAT(problems_in("train: {epochs: [1, 2]}\n"),
              ElementsAre(problem("train.epochs", "one value", "'a list'")));
  EXPECT_THAT(problems_in("data: {split: {fractions: 0.7}}\n"),
              ElementsAre(problem("data.split.fractions", "a list", "'0.7'")));
  EXPECT_THAT(problems_in("train:\n"), IsEmpty());
  EXPECT_THAT(problems_in("train: {}\n"), IsEmpty());
  EXPECT_THAT(problems_in("train: {epochs: }\n"),
              ElementsAre(problem("train.epochs", "a whole number", "''")));
}

TEST(FieldReader, OutOfRangeValuesSayTheRange) {
  EXPECT_THAT(problems_in("data: {horizon: 0}\n"),
              ElementsAre(problem("data.horizon", "a whole number in 1..10000", "'0'")));
  EXPECT_THAT(problems_in("model: {dropout: 1.0}\n"),
              ElementsAre(problem("model.dropout", "a number in 0..0.95", "'1.0'")));
  EXPECT_THAT(problems_in("data: {horizon: 99999999999999999999}\n"),
              ElementsAre(problem("data.horizon", "a whole", "'9")));
  for (const char* text : {"nan", "inf", "-inf", "1e999", ".inf"})
    EXPECT_THAT(problems_in(fmt::format("train: {{clip_norm: {}}}\n", text)),
                ElementsAre(problem("train.clip_norm", "a number", std::string("'") + text)));
  EXPECT_THAT(problems_in("data: {split: {fractions: [0.7, 0.1, 1.5]}}\n"),
              ElementsAre(problem("data.split.fractions", "a number in 0..1", "'1.5'")));
}

TEST(FieldReader, ValuesWithoutCodeAreRefusedWithTheListOfAcceptedOnes) {
  EXPECT_THAT(problems_in("train: {kernels: fused}\n"),
              ElementsAre(problem("train.kernels", "one of reference", "'fused'")));
  EXPECT_THAT(problems_in("model: {name: transformer}\n"),
              ElementsAre(problem("model.name", "one of dnn, crimenet, gat_tcn, baselines",
                                  "'transformer'")));
  EXPECT_THAT(problems_in("data: {graph: correlation}\n"),
              ElementsAre(problem("data.graph", "one of adjacency", "'correlation'")));
  EXPECT_THAT(problems_in("parallel: {schedule: interleaved}\n"),
              ElementsAre(problem("parallel.schedule", "one of gpipe, 1f1b", "'interleaved'")));
}

TEST(FieldReader, UnknownKeysComeWithTheNearestKnownOne) {
  EXPECT_THAT(problems_in("run: {name: x}\nmodel:\n  num_head: 4\n"),
              ElementsAre(AllOf(HasSubstr("a.yaml:3: model.num_head: expected a key"),
                                HasSubstr("'model.num_heads'"))));
  EXPECT_THAT(problems_in("trian: {epochs: 4}\n"),
              ElementsAre(HasSubstr("did you mean 'train.epochs'")));
  // The right name in the wrong section.
  EXPECT_THAT(problems_in("model: {lookback: 4}\n"),
              ElementsAre(HasSubstr("did you mean 'data.lookback'")));
  EXPECT_THAT(problems_in("modle: {}\n"), ElementsAre(HasSubstr("modle: expected a key")));
  EXPECT_THAT(problems_in("train: fast\n"),
              ElementsAre(AllOf(HasSubstr("train: expected a section"),
                                HasSubstr("'train.checkpoint.every'"))));
}

TEST(FieldReader, AllProblemsAreListedAtOnce) {
  test::ConfigFiles files;
  const auto a = files.write(
      "a.yaml",
      "data:\n  horizon: 0\n  lokback: 3\ntrain: {epochs: x}\nrun: {seed: 1}\nrun: {seed: 2}\n");
  const auto b =
      files.write("b.yaml", "model: {name: dnn, attention: gatv2}\nhead: {name: guess}\n");
  EXPECT_THAT(
      problems_of({a, b}, {"train.tf32=perhaps", "nonsense", "zzz.y=1"}),
      ::testing::UnorderedElementsAre(
          problem("a.yaml:2: data.horizon", "a whole", "'0'"),
          HasSubstr("a.yaml:3: data.lokback: expected a key"),
          problem("a.yaml:4: train.epochs", "a whole", "'x'"),
          problem("a.yaml:6: run", "each key once", "it in line 5"),
          problem("b.yaml:1: model.attention", "a field of dnn", "one without effect"),
          problem("b.yaml:2: head.name", "one of", "'guess'"),
          problem("--set: train.tf32", "true", "'perhaps'"),
          problem("--set", "key=value", "'nonsense'"), HasSubstr("--set: zzz.y: expected a key")));
}

TEST(FieldReader, AValueOfManyLinesIsShownInOne) {
  const auto lines = problems_in("model:\n  name: \"d\\nn\\n\"\n");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("found 'd\\x0an\\x0a'"));
}

TEST(FieldReader, OneProblemDoesNotDragAnotherBehindIt) {
  // hidden is refused; whether the heads divide it is not asked.
  EXPECT_THAT(problems_in("model: {name: gat_tcn, hidden: wide, num_heads: 5}\n"),
              ElementsAre(HasSubstr("model.hidden")));
}

}  // namespace
}  // namespace precinct::config
