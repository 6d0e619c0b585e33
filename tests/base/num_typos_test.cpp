// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/num_typos.h"

#include <gtest/gtest.h>

namespace precinct {
namespace {

TEST(NumTypos, CountsLettersAddedDroppedReplacedOrSwapped) {
  EXPECT_EQ(num_typos("train", "train"), 0U);
  EXPECT_EQ(num_typos("", "train"), 5U);
  EXPECT_EQ(num_typos("train", ""), 5U);
  EXPECT_EQ(num_typos("forcast", "forecast"), 1U);
  EXPECT_EQ(num_typos("trainn", "train"), 1U);
  EXPECT_EQ(num_typos("trajn", "train"), 1U);
  EXPECT_EQ(num_typos("trian", "train"), 1U);
  EXPECT_EQ(num_typos("kitten", "sitting"), 3U);
}

}  // namespace
}  // namespace precinct
