// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/split.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/rng.h"

namespace precinct::data {
namespace {

std::string message_of(auto&& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(BinRange, OverlapsWhatItSharesABinWith) {
  const BinRange range{10, 20};
  for (const BinRange& other : {BinRange{0, 11}, {19, 30}, {12, 14}, {0, 30}})
    EXPECT_TRUE(range.overlaps(other) && other.overlaps(range)) << other.begin;
  for (const BinRange& other : {BinRange{0, 10}, {20, 30}, {15, 15}, {-5, 0}})
    EXPECT_FALSE(range.overlaps(other) || other.overlaps(range)) << other.begin;
}

TEST(Split, FractionsBecomeBordersWithGapsBetween) {
  const Split split = Split::by_fractions(504, .7, .1, .2, 0, 0, 7);
  EXPECT_EQ(split.train, (BinRange{0, 353}));
  EXPECT_EQ(split.validation, (BinRange{353, 403}));
  EXPECT_EQ(split.test, (BinRange{403, 504}));
  EXPECT_EQ(split.production.size(), 0);
  const Split gap = Split::by_fractions(100, .6, .2, .2, 0, 3, 1);
  EXPECT_EQ(gap.train, (BinRange{0, 60}));
  EXPECT_EQ(gap.validation, (BinRange{63, 80}));
  EXPECT_EQ(gap.test, (BinRange{83, 100}));
  const Split four = Split::by_fractions(100, .4, .1, .1, .4, 2, 1);
  EXPECT_EQ(four.train, (BinRange{0, 40}));
  EXPECT_EQ(four.validation, (BinRange{42, 50}));
  EXPECT_EQ(four.test, (BinRange{52, 60}));
  EXPECT_EQ(four.production, (BinRange{62, 100}));
}

TEST(Split, FractionsThatCannotBeAreRefused) {
  EXPECT_THROW(Split::by_fractions(100, .7, .1, .1, 0, 0, 1), ConfigError);     // sum .9
  EXPECT_THROW(Split::by_fractions(100, 1.1, -.2, .1, 0, 0, 1), ConfigError);   // negative
  EXPECT_THROW(Split::by_fractions(100, .8, 0, .2, 0, 0, 1), ConfigError);      // empty part
  EXPECT_THROW(Split::by_fractions(20, .7, .1, .2, 0, 0, 3), ConfigError);      // shorter than H
  EXPECT_THROW(Split::by_fractions(100, .7, .1, .2, 0, 10, 1), ConfigError);    // the gap eats it
  EXPECT_THROW(Split::by_fractions(100, .5, .2, .25, .05, 4, 2), ConfigError);  // production too
}

TEST(Split, ExplicitBinsAreTakenAsTheyAre) {
  const Split split = Split::by_bins(731, {0, 609}, {609, 639}, {639, 731}, 1);
  EXPECT_EQ(split.train, (BinRange{0, 609}));
  EXPECT_EQ(split.validation, (BinRange{609, 639}));
  EXPECT_EQ(split.test, (BinRange{639, 731}));
}

TEST(Split, ExplicitBinsThatOverlapLeaveThePanelOrAreShortAreRefusedByName) {
  const auto named = [](BinRange train, BinRange validation, BinRange test) {
    return message_of([&] { Split::by_bins(100, train, validation, test, 5); });
  };
  EXPECT_NE(named({0, 61}, {60, 80}, {80, 100}).find("may not look ahead"), std::string::npos);
  EXPECT_NE(named({0, 60}, {60, 81}, {80, 100}).find("may not look ahead"), std::string::npos);
  EXPECT_NE(named({60, 80}, {0, 60}, {80, 100}).find("may not look ahead"), std::string::npos);
  EXPECT_NE(named({-1, 60}, {60, 80}, {80, 100}).find("train_bins"), std::string::npos);
  EXPECT_NE(named({0, 60}, {60, 64}, {80, 100}).find("validation_bins"), std::string::npos);
  const std::string beyond = named({0, 60}, {60, 80}, {80, 101});
  EXPECT_NE(beyond.find("test_bins"), std::string::npos);
  EXPECT_NE(beyond.find("80..101"), std::string::npos);
  EXPECT_EQ(beyond.find('\n'), std::string::npos);
}

/// Which part holds all output bins [e, e + horizon) of a window, by looking at each bin.
std::optional<int> part_of(const Split& split, std::int64_t e, std::int64_t horizon) {
  const BinRange parts[] = {split.train, split.validation, split.test, split.production};
  for (int p = 0; p < 4; ++p) {
    bool all = true;
    for (std::int64_t t = e; t < e + horizon; ++t) all = all && parts[p].contains(t);
    if (all) return p;
  }
  return std::nullopt;
}

TEST(Split, AWindowBelongsToThePartThatHoldsAllItsOutputBins) {
  constexpr std::uint64_t kSeed = 17;
  std::printf("seed %llu\n", static_cast<unsigned long long>(kSeed));
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    const auto pick = [&](std::uint64_t what, std::int64_t low, std::int64_t high) {
      return low + static_cast<std::int64_t>(uniform_index(
                       mix(kSeed, trial), what, static_cast<std::uint64_t>(high - low + 1)));
    };
    const std::int64_t bins = pick(0, 120, 300), horizon = pick(1, 1, 9), lookback = pick(2, 1, 40),
                       gap = pick(3, 0, 5);
    const bool production = pick(4, 0, 1) == 1;
    const Split split = production ? Split::by_fractions(bins, .4, .2, .2, .2, gap, horizon)
                                   : Split::by_fractions(bins, .6, .2, .2, 0, gap, horizon);
    const BinRange origins[] = {
        origins_in(split.train, lookback, horizon), origins_in(split.validation, lookback, horizon),
        origins_in(split.test, lookback, horizon), origins_in(split.production, lookback, horizon)};
    for (std::int64_t e = 0; e <= bins; ++e) {
      const auto owner = part_of(split, e, horizon);
      for (int p = 0; p < 4; ++p)
        ASSERT_EQ(origins[p].contains(e), owner == p && e >= lookback)
            << "seed " << kSeed << " trial " << trial << " origin " << e << " part " << p;
    }
  }
}

TEST(Split, APartShorterThanTheHorizonHasNoOrigins) {
  EXPECT_EQ(origins_in({10, 14}, 2, 5).size(), 0);
  EXPECT_EQ(origins_in({10, 15}, 2, 5), (BinRange{10, 11}));
  EXPECT_EQ(origins_in({0, 15}, 28, 5).size(), 0);  // no bins for the input
}

}  // namespace
}  // namespace precinct::data
