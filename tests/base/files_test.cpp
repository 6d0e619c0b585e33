// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(AtomicFile, ReplacesTheWholeContent) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "a", "first, longer");
  write_file_atomically(folder / "a", "second");
  EXPECT_EQ(read_file(folder / "a"), "second");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(AtomicFile, LeavesNothingBehindWhenTheWriterThrows) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  EXPECT_THROW(write_file_atomically(folder / "a",
                                     [](const std::filesystem::path& temporary) {
                                       std::ofstream(temporary) << "half";
                                       throw DataError("stop");
                                     }),
               DataError);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(AtomicFile, FullDiskIsOneErrorWithBytesAndNothingHalfWritten) {
  const test::TemporaryFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  try {
    write_file_atomically(folder / "a", std::string(1 << 20, 'x'));
    ADD_FAILURE() << "1 MB fitted into 64 kB";
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("1048576 bytes"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("No space left"), std::string::npos) << error.what();
  }
  EXPECT_EQ(entries(folder.path()), 0U);
  ::umount(folder.path().c_str());
}

TEST(AtomicFile, AWrongPathIsNotTakenForAFullDisk) {
  const test::TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  for (const char* name : {"none/a", "file/a"}) {
    try {
      write_file_atomically(folder / name, "text");
      ADD_FAILURE() << name;
    } catch (const IoError& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find(name), std::string::npos) << text;
      EXPECT_NE(text.find("check path and rights"), std::string::npos) << text;
      EXPECT_EQ(text.find("make room"), std::string::npos) << text;
    }
  }
}

TEST(AtomicFolder, AppearsWholeOrNotAtAll) {
  const test::TemporaryFolder folder;
  {
    AtomicFolder half(folder / "x");
    write_file_atomically(half.path() / "f", "1");
  }
  EXPECT_EQ(entries(folder.path()), 0U);
  AtomicFolder whole(folder / "x");
  write_file_atomically(whole.path() / "f", "1");
  whole.commit();
  EXPECT_EQ(read_file(folder / "x" / "f"), "1");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(ReadFile, MissingFileNamesThePath) {
  try {
    read_file("/nowhere/at/all");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_EQ(error.code(), ExitCode::kFile);
    EXPECT_NE(std::string(error.what()).find("/nowhere/at/all: No such file"), std::string::npos);
  }
}

TEST(Checksum, KnownAnswers) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string digits = "123456789";
  EXPECT_EQ(crc32c(std::as_bytes(std::span(digits))), 0xE3069283U);
  // the header of a record of 24 bytes as TensorFlow writes it: 18 00 .. 00, a3 7f 4b 22
  const std::array<std::byte, 8> length = {std::byte{24}};
  EXPECT_EQ(masked_crc32c(length), 0x224B7FA3U);
  Sha256 hash;
  hash.update(std::string_view("a"));
  hash.update(std::string_view("bc"));
  EXPECT_EQ(hash.hex_digest(), sha256_hex("abc"));
}

}  // namespace
}  // namespace precinct
