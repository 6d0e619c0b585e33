// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/window_gather_small.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <vector>

namespace precinct::kernels {
namespace {

TEST(SmallCountLookup, EqualsThePlainLookupBitForBit) {
  if (!SmallCountLookup::is_possible(1))
    GTEST_SKIP() << "not run: this processor lacks AVX-512 (f, bw, vl)";
  constexpr unsigned kSeed = 3;
  std::cout << "seed " << kSeed << "\n";
  std::mt19937 random(kSeed);
  int tried = 0;
  for (std::int64_t categories = 1; categories <= 40; ++categories) {
    if (!SmallCountLookup::is_possible(categories)) continue;
    for (const int num_rows : {1, 2, 4, 5, 256}) {
      std::vector<float> table(static_cast<std::size_t>(num_rows * categories));
      for (float& x : table) x = std::normal_distribution<float>()(random);
      const SmallCountLookup lookup(table.data(), num_rows, categories);
      for (const std::int64_t cells : {0, 1, 15, 16, 17, 47, 48, 49, 79, 80, 81, 1000}) {
        for (const double share_large : {0.0, .02, 1.0}) {
          std::vector<std::uint8_t> counts;
          for (std::int64_t i = 0; i < cells; ++i) {
            const bool large = std::bernoulli_distribution(share_large)(random);
            const int most = large ? num_rows - 1 : std::min(3, num_rows - 1);
            counts.push_back(
                static_cast<std::uint8_t>(std::uniform_int_distribution<int>(0, most)(random)));
          }
          std::vector<float> out(static_cast<std::size_t>(cells) + 1, -7), wanted;
          lookup.run(counts.data(), cells, out.data());
          for (std::int64_t i = 0; i < cells; ++i)
            wanted.push_back(
                table[counts[static_cast<std::size_t>(i)] * static_cast<std::size_t>(categories) +
                      static_cast<std::size_t>(i % categories)]);
          wanted.push_back(-7);  // nothing is written beyond the end
          ASSERT_EQ(out, wanted) << categories << " categories, " << num_rows << " rows, " << cells
                                 << " cells";
          ++tried;
        }
      }
    }
  }
  EXPECT_GT(tried, 1000);
}

TEST(SmallCountLookup, IsLeftForThePlainLookupWhenManyCountsAreLarge) {
  std::vector<std::uint8_t> counts(5000, 0);
  EXPECT_TRUE(SmallCountLookup::is_worth_it(counts.data(), 5000));
  for (std::size_t i = 0; i < counts.size(); i += 100) counts[i] = 200;
  EXPECT_TRUE(SmallCountLookup::is_worth_it(counts.data(), 5000));
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = i % 5 == 0 ? 4 : 3;
  EXPECT_FALSE(SmallCountLookup::is_worth_it(counts.data(), 5000));
  EXPECT_TRUE(SmallCountLookup::is_worth_it(counts.data(), 0));
}

TEST(SmallCountLookup, TakesTheNumbersOfCategoriesThatItsCommentStates) {
  if (!SmallCountLookup::is_possible(1))
    GTEST_SKIP() << "not run: this processor lacks AVX-512 (f, bw, vl)";
  for (const std::int64_t categories : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16})
    EXPECT_TRUE(SmallCountLookup::is_possible(categories)) << categories;
  for (const std::int64_t categories : {7, 9, 11, 13, 14, 15, 17})
    EXPECT_FALSE(SmallCountLookup::is_possible(categories)) << categories;
}

}  // namespace
}  // namespace precinct::kernels
