// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/events_writer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct::train {
namespace {

TEST(EventsWriter, ScalarsAreReadBack) {
  test::TemporaryFolder folder;
  std::filesystem::path path;
  {
    EventsWriter writer(folder.path());
    writer.add("train/loss", 1, 0.75, 1000.5);
    writer.add("val/NLL", 300000, -2.5, 1001.5);
    path = writer.path();
  }
  EXPECT_EQ(path.filename().string().rfind("events.out.tfevents.", 0), 0U);
  const auto events = read_events(path);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].tag, "train/loss");
  EXPECT_EQ(events[0].step, 1);
  EXPECT_EQ(events[0].value, 0.75);
  EXPECT_EQ(events[1].tag, "val/NLL");
  EXPECT_EQ(events[1].step, 300000);
  EXPECT_EQ(events[1].value, -2.5);
}

TEST(EventsWriter, TheFirstRecordHasTheBytesThatTensorBoardExpects) {
  test::TemporaryFolder folder;
  EventsWriter writer(folder.path());
  writer.flush();
  const std::string bytes = read_file(writer.path());
  // length 26: wall_time 9, step 2, file_version 2 + 13
  ASSERT_EQ(bytes.size(), 8U + 4U + 26U + 4U);
  EXPECT_EQ(bytes[0], 26);
  EXPECT_NE(bytes.find("brain.Event:2"), std::string::npos);
}

TEST(EventsWriter, AFlippedBitAndACutAreNoticedWithTheirOffset) {
  test::TemporaryFolder folder;
  std::filesystem::path path;
  {
    EventsWriter writer(folder.path());
    writer.add("a", 1, 1, 1);
    path = writer.path();
  }
  std::string bytes = read_file(path);
  bytes[bytes.size() - 6] ^= 4;
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_THROW(read_events(path), DataError);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes.substr(0, bytes.size() - 3);
  EXPECT_THROW(read_events(path), DataError);
}

}  // namespace
}  // namespace precinct::train
