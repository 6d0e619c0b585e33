// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace precinct {
namespace {

TEST(Philox, AgreesWithThePublishedKnownAnswers) {  // Random123 kat_vectors, philox4x32 10
  EXPECT_EQ(philox(0, 0, 0),
            (std::array<std::uint32_t, 4>{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  EXPECT_EQ(philox(~0ULL, ~0ULL, ~0ULL),
            (std::array<std::uint32_t, 4>{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(philox(0x299F31D0A4093822ULL, 0x85A308D3243F6A88ULL, 0x0370734413198A2EULL),
            (std::array<std::uint32_t, 4>{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(Rng, NormalHasUnitMoments) {
  double sum = 0, squares = 0;
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double x = normal(stream_key(1, "test"), static_cast<std::uint64_t>(i));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.04);  // odds of a false failure: 1e-8
  EXPECT_NEAR(squares / n, 1, 0.06);
}

TEST(Rng, NamedStreamsDiffer) {
  EXPECT_NE(stream_key(1, "init/a"), stream_key(1, "init/b"));
  EXPECT_NE(stream_key(1, "init/a"), stream_key(2, "init/a"));
}

TEST(KeyedPermutation, IsABijectionForAnySize) {
  for (const std::uint64_t size : {1, 2, 3, 7, 64, 65, 431, 1000}) {
    const KeyedPermutation permutation(mix(7, size), size);
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < size; ++i) seen.insert(permutation(i));
    EXPECT_EQ(seen.size(), size);
    EXPECT_LT(*seen.rbegin(), size);
  }
}

TEST(KeyedPermutation, KeysGiveDifferentOrders) {
  int equal = 0;
  const KeyedPermutation a(1, 1000), b(2, 1000);
  for (std::uint64_t i = 0; i < 1000; ++i) equal += a(i) == b(i);
  EXPECT_LT(equal, 20);
}

TEST(Rng, UniformIndexStaysBelowItsBound) {
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_LT(uniform_index(3, i, 7), 7U);
}

}  // namespace
}  // namespace precinct
