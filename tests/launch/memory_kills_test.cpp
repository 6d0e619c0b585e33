// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/memory_kills.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "tests/support/temporary_folder.h"

namespace precinct::launch {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  write_file_atomically(file, text);
}

TEST(MemoryKills, VersionTwoCountsOwnKillsAndTakesTheLowestLimitAbove) {
  test::TemporaryFolder folder;
  put(folder / "own", "0::/job/step\n");
  put(folder / "fs/job/memory.max", "1000\n");
  put(folder / "fs/job/step/memory.max", "max\n");
  put(folder / "fs/job/step/memory.events", "low 0\nhigh 3\nmax 9\noom 2\noom_kill 2\n");
  const MemoryKills kills(folder / "own", folder / "fs");
  EXPECT_EQ(kills.count(), 2);
  EXPECT_EQ(kills.limit_bytes(), 1000);
  put(folder / "fs/job/step/memory.max", "400\n");
  put(folder / "fs/job/step/memory.events", "oom_kill 3\n");
  EXPECT_EQ(kills.count(), 3);
  EXPECT_EQ(kills.limit_bytes(), 400);
}

TEST(MemoryKills, VersionOne) {
  test::TemporaryFolder folder;
  put(folder / "own", "9:name=systemd:/\n4:memory:/job\n0::/\n");
  put(folder / "fs/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put(folder / "fs/memory/job/memory.limit_in_bytes", "2048\n");
  put(folder / "fs/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  const MemoryKills kills(folder / "own", folder / "fs");
  EXPECT_EQ(kills.count(), 5);
  EXPECT_EQ(kills.limit_bytes(), 2048);
  put(folder / "fs/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(kills.limit_bytes(), std::nullopt);
}

TEST(MemoryKills, InAContainerTheGroupMayBeTheRootOfWhatIsMounted) {
  test::TemporaryFolder folder;
  put(folder / "own", "0::/outside/of/the/container\n");
  put(folder / "fs/memory.max", "77\n");
  put(folder / "fs/memory.events", "oom_kill 1\n");
  const MemoryKills kills(folder / "own", folder / "fs");
  EXPECT_EQ(kills.count(), 1);
  EXPECT_EQ(kills.limit_bytes(), 77);
}

TEST(MemoryKills, WithoutControlGroupsNothingIsKnown) {
  test::TemporaryFolder folder;
  const MemoryKills kills(folder / "none", folder / "fs");
  EXPECT_EQ(kills.count(), 0);
  EXPECT_EQ(kills.limit_bytes(), std::nullopt);
}

}  // namespace
}  // namespace precinct::launch
