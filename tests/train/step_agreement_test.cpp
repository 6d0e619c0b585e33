// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/step_agreement.h"

#include <gtest/gtest.h>

#include "tests/parallel/ranks.h"
#include "tests/support/small_run.h"

namespace precinct::train {
namespace {

TEST(StepAgreement, AWorldOfOneAgreesAtOnce) {
  test::OneRank one(test::small_config());
  StepAgreement agreement(one.ranks);
  for (const Wish wish : {Wish::kNone, Wish::kLeave, Wish::kSave})
    EXPECT_EQ(agreement.next(wish), wish);
  agreement.finish();
}

TEST(StepAgreement, AllDoTheLargestWishOneStepLater) {
  test::run_ranks(3, [](parallel::World& world) {
    Ranks ranks(world, test::small_config());
    StepAgreement agreement(ranks);
    const auto wish = [&](int rank, Wish wish) {
      return world.rank() == rank ? wish : Wish::kNone;
    };
    EXPECT_EQ(agreement.next(wish(1, Wish::kSave)), Wish::kNone);
    EXPECT_EQ(agreement.next(world.rank() == 0 ? Wish::kSave : wish(2, Wish::kLeave)), Wish::kSave);
    EXPECT_EQ(agreement.next(Wish::kNone), Wish::kLeave);
    EXPECT_EQ(agreement.next(Wish::kNone), Wish::kNone);
    agreement.finish();
  });
}

TEST(StepAgreement, AWishThatIsRepeatedUntilItIsDoneIsDoneOnce) {
  test::run_ranks(2, [](parallel::World& world) {
    Ranks ranks(world, test::small_config());
    StepAgreement agreement(ranks);
    const Wish mine = world.rank() == 0 ? Wish::kSave : Wish::kNone;
    EXPECT_EQ(agreement.next(mine), Wish::kNone);
    EXPECT_EQ(agreement.next(mine), Wish::kSave);
    for (int step = 0; step < 2; ++step) EXPECT_EQ(agreement.next(Wish::kNone), Wish::kNone);
    agreement.finish();
  });
}

}  // namespace
}  // namespace precinct::train
