// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/incident_store.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "tests/support/long_form.h"

namespace precinct::data {
namespace {

Incident make(std::uint64_t id, std::uint64_t revision, std::uint8_t digest) {
  Incident incident;
  incident.id = id;
  incident.revision = revision & 0xFFFF;
  incident.digest[0] = std::byte{digest};
  return incident;
}

std::vector<int> digests(IncidentStore& store) {
  std::vector<int> found;
  for (const Incident& incident : store.take())
    found.push_back(std::to_integer<int>(incident.digest[0]));
  return found;
}

TEST(IncidentStore, LatestRevisionOfAnIdCountsAndTheOthersAreTold) {
  IncidentStore store;
  store.add({make(1, 10, 1), make(1, 12, 2), make(1, 11, 3), make(2, 1, 4)});
  EXPECT_EQ(digests(store), (std::vector<int>{2, 4}));
  EXPECT_EQ(store.num_revised(), 2U);
  EXPECT_EQ(store.num_repeated(), 0U);
}

TEST(IncidentStore, RepeatedRowCountsOnce) {
  IncidentStore store;
  store.add({make(1, 10, 1), make(1, 10, 1)});
  store.add({make(1, 10, 1)});
  EXPECT_EQ(digests(store), (std::vector<int>{1}));
  EXPECT_EQ(store.num_repeated(), 2U);
}

TEST(IncidentStore, RowsWithoutIdAllCount) {
  IncidentStore store;
  store.add({make(0, 0, 7), make(0, 0, 7), make(0, 0, 1)});
  EXPECT_EQ(digests(store), (std::vector<int>{1, 7, 7}));
}

TEST(IncidentStore, RowsOfOneRevisionThatDifferAreContestedUntilSettled) {
  IncidentStore store;
  store.add({make(5, 3, 1), make(5, 3, 2), make(5, 2, 9), make(6, 3, 4)});
  EXPECT_EQ(store.contested(), (std::vector<std::uint64_t>{5}));
  store.settle({{5, make(5, 3, 2).digest}});
  EXPECT_TRUE(store.contested().empty());
  EXPECT_EQ(digests(store), (std::vector<int>{2, 4}));
  EXPECT_EQ(store.num_revised(), 2U);
}

TEST(IncidentStore, OrderNeverMatters) {
  constexpr std::uint64_t kSeed = 11;
  std::vector<Incident> all;
  for (std::uint64_t i = 0; i < 200; ++i)
    all.push_back(make(uniform_index(kSeed, 3 * i, 40), uniform_index(kSeed, 3 * i + 1, 4),
                       static_cast<std::uint8_t>(uniform_index(kSeed, 3 * i + 2, 8))));
  std::vector<std::uint64_t> expected_ids;
  std::vector<int> expected;
  for (std::uint64_t shuffle = 0, n = test::num_rounds(5); shuffle < n; ++shuffle) {
    const KeyedPermutation order(shuffle, all.size());
    IncidentStore store;
    for (std::uint64_t i = 0; i < all.size(); ++i) store.add({all[order(i)]});
    const auto ids = store.contested();
    const auto rows = digests(store);
    if (shuffle == 0) {
      expected_ids = ids;
      expected = rows;
    }
    EXPECT_EQ(ids, expected_ids);
    EXPECT_EQ(rows, expected);
  }
}

TEST(IncidentStore, MemoryIsBoundedByTheIdsNotByTheRows) {
  IncidentStore store;
  std::vector<Incident> block(1 << 16);
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = make(i % 1000 + 1, i & 7, 1);
  for (int i = 0; i < 64; ++i) store.add(block);  // 4 M rows of 1,000 ids
  EXPECT_LE(store.capacity(), std::size_t{1} << 21);
  EXPECT_EQ(store.take().size(), 1000U);
}

TEST(IncidentStore, AnIncidentHas32Bytes) {
  EXPECT_EQ(sizeof(Incident), 32U);
  Incident incident;
  incident.set_day(18'000);
  EXPECT_EQ(incident.day(), 18'000);
  incident.set_day(Incident::kLastDay);
  EXPECT_EQ(incident.day(), Incident::kLastDay);
}

}  // namespace
}  // namespace precinct::data
