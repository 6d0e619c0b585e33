// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/gather_texts.h"

#include <gtest/gtest.h>

#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

TEST(GatherTexts, OfAnyLengthAlsoNone) {
  test::run_ranks(3, [](World& world) {
    Communicator& all = world.communicator();
    const std::vector<std::string> texts = {"", std::string(1000, 'x'), std::string("a\0b", 3)};
    EXPECT_EQ(gather_texts(texts[static_cast<std::size_t>(all.rank())], all), texts);
    EXPECT_EQ(gather_texts("", all), std::vector<std::string>(3));
  });
}

}  // namespace
}  // namespace precinct::parallel
