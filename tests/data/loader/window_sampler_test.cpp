// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/window_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace precinct::data {
namespace {

/// Origins of one epoch in the order of the run.
std::vector<std::int64_t> epoch_order(const WindowSampler& sampler, std::int64_t epoch) {
  std::vector<std::int64_t> order;
  std::int64_t consumed = epoch * sampler.num_windows();
  while (sampler.epoch_of(consumed) == epoch) {
    const auto batch = sampler.global_batch(consumed);
    for (const WindowRef& window : batch) order.push_back(window.origin);
    consumed += static_cast<std::int64_t>(batch.size());
  }
  return order;
}

TEST(WindowSampler, EveryEpochHoldsEveryWindowOnceInAnotherOrder) {
  for (const std::int64_t windows : {1, 2, 3, 16, 67, 500}) {
    const auto origins = list_origins({14, 14 + windows}, 1);
    const WindowSampler sampler(origins, 5, 16);
    EXPECT_EQ(sampler.num_windows(), windows);
    EXPECT_EQ(sampler.steps_per_epoch(), (windows + 15) / 16);
    std::set<std::vector<std::int64_t>> orders;
    for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
      auto order = epoch_order(sampler, epoch);
      orders.insert(order);
      std::sort(order.begin(), order.end());
      ASSERT_EQ(order, origins) << windows << " windows, epoch " << epoch;
    }
    if (windows >= 16) {
      EXPECT_EQ(orders.size(), 4U);
      EXPECT_FALSE(orders.contains(origins));  // shuffled
    }
  }
}

TEST(WindowSampler, TheOrderIsAPureFunctionOfSeedEpochAndIndex) {
  const auto origins = list_origins({14, 181}, 1);
  const WindowSampler one(origins, 5, 16), other(origins, 5, 16), wide(origins, 5, 64),
      seeded(origins, 6, 16);
  // asked backwards and twice, by another object, with other batch sizes: nothing is remembered
  for (std::int64_t consumed = 3 * 167 - 1; consumed >= 0; --consumed) {
    const auto batch = one.global_batch(consumed), again = other.global_batch(consumed),
               large = wide.global_batch(consumed);
    ASSERT_FALSE(batch.empty());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      ASSERT_EQ(batch[i].position, consumed + static_cast<std::int64_t>(i));
      ASSERT_EQ(batch[i].origin, again[i].origin);
      ASSERT_EQ(batch[i].origin, large[i].origin);
    }
  }
  EXPECT_NE(epoch_order(one, 0), epoch_order(seeded, 0));
}

// Written down once: another order would make a resumed run differ from the undisturbed one.
TEST(WindowSampler, TheOrderOfAKnownSeedStaysWhatItIs) {
  const WindowSampler sampler(list_origins({0, 10}, 1), 1, 10);
  EXPECT_EQ(epoch_order(sampler, 0), (std::vector<std::int64_t>{7, 4, 8, 5, 0, 6, 2, 1, 9, 3}));
  EXPECT_EQ(epoch_order(sampler, 1), (std::vector<std::int64_t>{0, 7, 2, 3, 1, 5, 9, 6, 4, 8}));
}

TEST(WindowSampler, NoPlaceIsFavoured) {
  // 2,000 epochs of 8 windows: each window lies in each place 250 times, within 6 deviations of
  // sqrt(250 * 7/8) = 14.8 (odds of a false failure for a new seed below 1e-6).
  const WindowSampler sampler(list_origins({0, 8}, 1), 21, 8);
  std::map<std::pair<std::int64_t, std::size_t>, int> seen;
  for (std::int64_t epoch = 0; epoch < 2000; ++epoch) {
    const auto order = epoch_order(sampler, epoch);
    for (std::size_t place = 0; place < order.size(); ++place) ++seen[{order[place], place}];
  }
  for (std::int64_t window = 0; window < 8; ++window) {
    for (std::size_t place = 0; place < 8; ++place)
      EXPECT_NEAR((seen[{window, place}]), 250, 89) << window << " in place " << place;
  }
}

TEST(WindowSampler, AShortBatchEndsTheEpochAndNoneIsEmpty) {
  const WindowSampler sampler(list_origins({14, 81}, 1), 5, 16);
  EXPECT_EQ(sampler.global_batch(64).size(), 3U);
  EXPECT_EQ(sampler.global_batch(67).size(), 16U);  // the next epoch begins
  EXPECT_EQ(sampler.epoch_of(66), 0);
  EXPECT_EQ(sampler.epoch_of(67), 1);
  EXPECT_EQ(sampler.steps_per_epoch(), 5);
}

TEST(RankSlice, SlicesAreConsecutiveDisjointEvenAndTheirUnionIsAll) {
  for (const std::int64_t windows : {1, 2, 5, 16, 17, 64}) {
    const WindowSampler sampler(list_origins({0, windows}, 1), 5, windows);
    const auto batch = sampler.global_batch(0);
    for (const std::int64_t ranks : {1, 2, 3, 4, 7, 12, 64, 100}) {
      std::vector<std::int64_t> all;
      std::size_t least = batch.size(), most = 0;
      for (std::int64_t rank = 0; rank < ranks; ++rank) {
        const auto slice = rank_slice(batch, rank, ranks);
        least = std::min(least, slice.size());
        most = std::max(most, slice.size());
        for (const WindowRef& window : slice) all.push_back(window.position);
      }
      ASSERT_EQ(all.size(), batch.size()) << windows << " over " << ranks;
      for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], batch[i].position);
      EXPECT_LE(most - least, 1U) << windows << " over " << ranks;
    }
  }
}

TEST(ListOrigins, TakesEveryStride) {
  EXPECT_EQ(list_origins({3, 12}, 4), (std::vector<std::int64_t>{3, 7, 11}));
  EXPECT_TRUE(list_origins({5, 5}, 1).empty());
}

TEST(WindowSampler, NoWindowsOrNoBatchSizeIsRefused) {
  EXPECT_THROW(WindowSampler({}, 1, 4), ConfigError);
  EXPECT_THROW(WindowSampler({3}, 1, 0), ConfigError);
}

}  // namespace
}  // namespace precinct::data
