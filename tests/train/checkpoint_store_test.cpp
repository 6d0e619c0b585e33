// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <random>

#include "base/atomic_file.h"
#include "base/error.h"
#include "models/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "train/run_folder.h"
#include "train/train_state.h"

namespace precinct::train {
namespace {

namespace fs = std::filesystem;

void write_checkpoint(CheckpointStore& store, std::int64_t step, bool is_best = false) {
  store.save(step, is_best, [&](const fs::path& folder) {
    TrainState state;
    state.step = step;
    models::write_safetensors(folder / "model.safetensors",
                              {{"w", torch::full({16}, static_cast<double>(step))}});
    models::write_safetensors(folder / "optimizer.safetensors", {{"exp_avg.w", torch::ones({16})}});
    write_file_atomically(folder / "state.json", state.to_json().dump(2) + "\n");
  });
}

std::int64_t step_of(const fs::path& checkpoint) {
  return TrainState::read(checkpoint / "state.json").step;
}

TEST(CheckpointStore, AnEmptyFolderHasNoCheckpoint) {
  test::TemporaryFolder folder;
  CheckpointStore store(folder / "checkpoints", 3);
  EXPECT_FALSE(store.newest_good().has_value());
}

TEST(CheckpointStore, KeepsTheLastThreeAndTheBest) {
  test::TemporaryFolder folder;
  CheckpointStore store(folder / "c", 3);
  for (std::int64_t step = 1; step <= 6; ++step) write_checkpoint(store, step, step == 2);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "c"))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"BEST", "LATEST", "step-000000002", "step-000000004",
                                             "step-000000005", "step-000000006"}));
  EXPECT_EQ(read_file(folder / "c" / "BEST"), "step-000000002\n");
  EXPECT_EQ(read_file(folder / "c" / "LATEST"), "step-000000006\n");
}

TEST(CheckpointStore, LeftOversOfAnInterruptedSaveAreRemovedAndNeverLoaded) {
  test::TemporaryFolder folder;
  fs::create_directories(folder / "c" / ".step-000000009.part-77-0");
  CheckpointStore store(folder / "c", 3);
  EXPECT_FALSE(store.newest_good().has_value());
}

TEST(CheckpointStore, EveryFlippedBitAndEveryCutIsNoticedAndThePreviousIsUsed) {
  test::TemporaryFolder folder;
  CheckpointStore store(folder / "c", 3);
  for (std::int64_t step = 1; step <= 3; ++step) write_checkpoint(store, step);
  const unsigned seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const fs::path newest = folder / "c" / "step-000000003";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(newest)) files.push_back(entry.path());
  for (int round = 0; round < 60; ++round) {
    const fs::path file = files[random() % files.size()];
    const std::string good = read_file(file);
    std::string bad = good;
    if (round % 3 == 0) {
      bad.resize(random() % good.size());
    } else {
      bad[random() % good.size()] ^= static_cast<char>(1 << random() % 8);
    }
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bad;
    const auto found = store.newest_good();
    ASSERT_TRUE(found.has_value());
    ASSERT_EQ(step_of(*found), 2) << file << " round " << round;
    const fs::path aside = newest.string() + ".bad";
    ASSERT_TRUE(fs::exists(aside));  // kept
    fs::rename(aside, newest);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << good;
    ASSERT_EQ(step_of(*store.newest_good()), 3);
  }
}

TEST(CheckpointStore, AMissingFileIsNoticed) {
  test::TemporaryFolder folder;
  CheckpointStore store(folder / "c", 3);
  write_checkpoint(store, 1);
  write_checkpoint(store, 2);
  fs::remove(folder / "c" / "step-000000002" / "optimizer.safetensors");
  EXPECT_EQ(step_of(*store.newest_good()), 1);
}

TEST(CheckpointStore, WhenNoneIsGoodItSaysSoWithCodeSeven) {
  test::TemporaryFolder folder;
  CheckpointStore store(folder / "c", 3);
  for (std::int64_t step = 1; step <= 3; ++step) {
    write_checkpoint(store, step);
    fs::resize_file(folder / "c" / CheckpointStore::name_of(step) / "model.safetensors", 10);
  }
  try {
    store.newest_good();
    FAIL() << "a damaged folder was taken for an empty one";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNoCheckpoint);
  }
  EXPECT_TRUE(fs::exists(folder / "c" / "step-000000001.bad"));
}

TEST(TrainState, RoundTripsAndANewerSchemaIsRefusedWithBothVersions) {
  TrainState state;
  state.phase = Phase::kRefit;
  state.step = 12;
  state.consumed = 345;
  state.loss_sums = {0.1 + 0.2, 3, 1e-17};
  state.metrics_bytes = 99;
  auto json = state.to_json();
  const auto back = TrainState::from_json(nlohmann::json::parse(json.dump()), "here");
  EXPECT_EQ(back.to_json(), json);
  json["schema"] = 9;
  try {
    TrainState::from_json(json, "here");
    FAIL();
  } catch (const DataError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("version 1"), std::string::npos) << text;
    EXPECT_NE(text.find("9"), std::string::npos) << text;
  }
}

TEST(RunFolder, ASecondJobIsRefusedNamingHostAndProcess) {
  test::TemporaryFolder folder;
  const RunFolder first(folder / "run");
  try {
    const RunFolder second(folder / "run");
    FAIL() << "two jobs in one folder";
  } catch (const IoError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("process " + std::to_string(::getpid())), std::string::npos) << text;
    EXPECT_NE(text.find("host "), std::string::npos) << text;
  }
}

TEST(RunFolder, AFollowerKnowsTheLeadersFolderFromOneOfAnotherHost) {
  test::TemporaryFolder folder;
  const RunFolder leader(folder / "run");
  const std::string owner = RunFolder::owner_of(leader.path());
  EXPECT_NE(owner.find("process " + std::to_string(::getpid())), std::string::npos) << owner;
  EXPECT_EQ(leader.why_not_shared(owner), "");
  EXPECT_EQ(RunFolder(folder / "run", RunFolder::Follower()).why_not_shared(owner), "");
  const RunFolder other(folder / "local", RunFolder::Follower());
  const std::string why = other.why_not_shared(owner, std::chrono::milliseconds(1));
  EXPECT_NE(why.find("choose a --run-dir that all ranks share"), std::string::npos) << why;
  EXPECT_FALSE(std::filesystem::exists(folder / "local"));
}

TEST(RunFolder, ALeftLockIsTakenOverAndAFreshNameIsFound) {
  test::TemporaryFolder folder;
  { const RunFolder first(folder / "run"); }
  const RunFolder again(folder / "run");
  EXPECT_EQ(RunFolder::choose(folder.path(), "run", RunFolder::Choice::kGoOn), folder / "run");
  EXPECT_EQ(RunFolder::choose(folder.path(), "run", RunFolder::Choice::kFresh), folder / "run-2");
  EXPECT_EQ(RunFolder::choose(folder.path(), "run", RunFolder::Choice::kRestartedFresh),
            folder / "run");
  EXPECT_EQ(RunFolder::choose(folder.path(), "none", RunFolder::Choice::kRestartedFresh),
            folder / "none");
}

}  // namespace
}  // namespace precinct::train
