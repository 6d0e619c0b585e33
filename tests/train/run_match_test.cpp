// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/run_match.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/small_run.h"
#include "tests/support/temporary_folder.h"

namespace precinct::train {
namespace {

TEST(RunMatch, NamesTheKeysThatWouldTrainOtherwiseAndNoOthers) {
  const auto before = test::small_config();
  auto after = before;
  EXPECT_TRUE(differing_keys(after, before).empty());
  after.run.name = "other";
  after.log.every = 77;
  after.data.loader_threads = 3;
  EXPECT_TRUE(differing_keys(after, before).empty()) << "these change no bit of the weights";
  after.train.epochs = 9;
  after.data.split.fractions = {0.5, 0.25, 0.25};
  EXPECT_EQ(differing_keys(after, before),
            (std::vector<std::string>{
                "data.split.fractions: [0.5, 0.25, 0.25] instead of [0.6, 0.2, 0.2]",
                "train.epochs: 9 instead of 3"}));
  after.evaluate.stride = 2;
  EXPECT_EQ(differing_keys(after, before, "evaluate."),
            std::vector<std::string>{"evaluate.stride: 2 instead of 1"});
}

TEST(RunMatch, ARunFolderTakesItsOwnConfigurationOnly) {
  test::TemporaryFolder folder;
  const RunFolder run(folder / "run");
  config::ExperimentConfig config;
  config.model.hidden = 8;
  EXPECT_NO_THROW(require_same_configuration(run, config)) << "a new run";
  write_file_atomically(run.path() / "config.yaml", config::to_yaml(config));
  EXPECT_NO_THROW(require_same_configuration(run, config));
  config.model.hidden = 12;
  try {
    require_same_configuration(run, config);
    FAIL() << "another network in the same run";
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("model.hidden: 12 instead of 8"), std::string::npos) << text;
    EXPECT_NE(text.find("--allow-mismatch"), std::string::npos) << text;
  }
}

TEST(RunMatch, AScoredRunTakesTheSettingsOfItsScoresOnly) {
  test::TemporaryFolder folder;
  const RunFolder run(folder / "run");
  config::ExperimentConfig config;
  write_file_atomically(run.path() / "config.yaml", config::to_yaml(config));
  config.evaluate.stride = 2;
  EXPECT_NO_THROW(require_same_configuration(run, config)) << "not scored yet";
  write_file_atomically(run.evaluation(), "{}");
  try {
    require_same_configuration(run, config);
    FAIL() << "other scores in the same run";
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("evaluate.stride: 2 instead of 1"), std::string::npos) << text;
    EXPECT_NE(text.find("precinct evaluate"), std::string::npos) << text;
  }
  config.evaluate.stride = 1;
  config.log.every = 77;
  EXPECT_NO_THROW(require_same_configuration(run, config));
}

TEST(RunFolder, WhatAKilledProcessLeftIsRemoved) {
  test::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "run" / ".artifact.part-12-0");
  std::filesystem::create_directories(folder / "run" / ".artifact.old");
  std::filesystem::create_directories(folder / "run" / "artifact");
  write_file_atomically(folder / "run" / ".evaluation.json.part-12-3", "{");
  const RunFolder run(folder / "run");
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(run.path()))
    ++entries;
  EXPECT_EQ(entries, 2U) << "artifact and the lock";
}

TEST(RunFolder, ANewFolderGoesWithTheErrorThatEndsItUnlessItHoldsACheckpoint) {
  test::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "there");
  const auto fail_in = [&](const std::string& path, bool checkpoint) {
    try {
      const RunFolder run(folder / path);
      write_file_atomically(run.path() / "config.yaml", "");
      if (checkpoint) std::filesystem::create_directories(run.checkpoints() / "step-000000000");
      throw DataError("stop");
    } catch (const DataError&) {
    }
  };
  fail_in("runs/new/deep", false);
  EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
  fail_in("there", false);
  EXPECT_TRUE(std::filesystem::exists(folder / "there" / "config.yaml")) << "it was there before";
  fail_in("runs/trained", true);
  EXPECT_TRUE(std::filesystem::exists(folder / "runs" / "trained" / "config.yaml"));
}

}  // namespace
}  // namespace precinct::train
