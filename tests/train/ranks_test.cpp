// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <new>

#include "base/error.h"
#include "tests/parallel/ranks.h"
#include "tests/support/small_run.h"
#include "train/run_match.h"
#include "train/training_device.h"

namespace precinct::train {
namespace {

namespace fs = std::filesystem;
using parallel::World;
using test::error_of;
using test::run_ranks;
using testing::HasSubstr;

TEST(RanksOfARun, OneProcessLeadsAndAgreesWithItself) {
  auto config = test::small_config();
  config.parallel.timeout_seconds = 7;
  test::OneRank one(config);
  EXPECT_TRUE(one.ranks.leads());
  EXPECT_EQ(one.ranks.size(), 1);
  EXPECT_THAT(one.ranks.gather("text"), testing::ElementsAre("text"));
  one.ranks.require_same("anything", "text");
  require_same_configuration(one.ranks, config);
  EXPECT_EQ(connect_options(config, {}).timeout, std::chrono::seconds(7));
  EXPECT_EQ(connect_options(config, {}).device_index, -1);
}

TEST(RanksOfARun, DifferencesBetweenRanksAreRefusedOnAllOfThem) {
  run_ranks(2, [](World& world) {
    auto config = test::small_config();
    Ranks ranks(world, config);
    ranks.require_same("data.panel (sha256)", "abc");
    const auto texts = ranks.gather(world.rank() == 0 ? "" : "longer");
    EXPECT_THAT(texts, testing::ElementsAre("", "longer"));
    EXPECT_EQ(ranks.of_leader(world.rank() == 0 ? "mine" : "other"), "mine");
    require_same_configuration(ranks, config);
    if (world.rank() == 1) config.train.optimizer.lr = 0.5;
    const std::string configuration =
        error_of<ConfigError>([&] { require_same_configuration(ranks, config); });
    EXPECT_THAT(configuration, HasSubstr("rank 1"));
    EXPECT_THAT(configuration, HasSubstr("train.optimizer.lr: 0.5 instead of 0.003"));
    const std::string panel = error_of<ConfigError>(
        [&] { ranks.require_same("data.panel (sha256)", world.rank() == 1 ? "abc" : "abd"); });
    EXPECT_THAT(panel, HasSubstr("rank 1: data.panel (sha256): expected rank 0's abd, found abc"));
  });
}

TEST(RanksOfARun, WhatTheLeaderThrowsAllRanksThrow) {
  run_ranks(2, [](World& world) {
    Ranks ranks(world, test::small_config());
    int calls = 0;
    ranks.lead([&] { ++calls; });
    EXPECT_EQ(calls, world.rank() == 0 ? 1 : 0);
    try {
      ranks.lead([] { throw IoError("runs/a: expected room, found none; make some"); });
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kFile);
      EXPECT_STREQ(error.what(), "runs/a: expected room, found none; make some");
    }
    const auto code_of = [&](const std::function<void()>& body) {
      try {
        ranks.lead(body);
      } catch (const std::exception& exception) {
        return as_error(exception).code();
      }
      return ExitCode::kDone;
    };
    const auto missing = test::shared_folder() / "none";
    EXPECT_EQ(code_of([&] { fs::rename(missing, missing); }), ExitCode::kFile);
    EXPECT_EQ(code_of([] { throw std::bad_alloc(); }), ExitCode::kDevice);
    EXPECT_EQ(ranks.of_leader("further"), "further");
  });
}

TEST(RanksOfARun, OtherDegreesOnOneRankAreRefusedOnAll) {
  run_ranks(2, [](World& world) {
    auto config = test::small_config();
    if (world.rank() == 1) config.parallel.tp = 2;
    const std::string text = error_of<ConfigError>([&] { Ranks(world, config); });
    EXPECT_THAT(text, HasSubstr("rank 1: parallel.dp, parallel.pp, parallel.tp: expected rank 0's "
                                "-1, 1, 1, found -1, 1, 2"));
  });
}

TEST(RanksOfARun, DegreesThatDoNotMultiplyToTheWorldAreRefused) {
  run_ranks(2, [](World& world) {
    auto config = test::small_config();
    config.parallel.dp = 3;
    const std::string text = error_of<ConfigError>([&] { Ranks(world, config); });
    EXPECT_THAT(text, HasSubstr("parallel.dp"));
    EXPECT_THAT(text, HasSubstr("2 ranks"));
  });
}

}  // namespace
}  // namespace precinct::train
