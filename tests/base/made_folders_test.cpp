// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/made_folders.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;

TEST(AbsoluteFolder, EndsWithTheFoldersNameHoweverItIsWritten) {
  const fs::path a = fs::current_path() / "runs/a";
  for (const char* written : {"runs/a", "runs/a/", "runs/a//", "runs/a/.", "./runs/b/../a/"})
    EXPECT_EQ(absolute_folder(written), a) << written;
  EXPECT_EQ(absolute_folder(a / "."), a);
  EXPECT_EQ(absolute_folder(""), fs::current_path());
  EXPECT_EQ(absolute_folder("/"), "/");
}

TEST(MadeFolders, TakesBackWhatItMadeAndNothingElse) {
  test::TemporaryFolder folder;
  fs::create_directories(folder / "there");
  const MadeFolders made(folder / "there/a/b/");
  EXPECT_TRUE(made.made_any());
  EXPECT_TRUE(fs::is_directory(folder / "there/a/b"));
  made.remove_empty();
  EXPECT_FALSE(fs::exists(folder / "there/a"));
  EXPECT_TRUE(fs::exists(folder / "there"));
}

TEST(MadeFolders, AFolderWithContentStays) {
  test::TemporaryFolder folder;
  const MadeFolders made(folder / "a/b/c");
  std::ofstream(folder / "a/b/note") << "x";
  made.remove_empty();
  EXPECT_FALSE(fs::exists(folder / "a/b/c"));
  EXPECT_TRUE(fs::exists(folder / "a/b/note"));
}

TEST(MadeFolders, AFolderThatWasThereIsLeftAloneEvenEmpty) {
  test::TemporaryFolder folder;
  const MadeFolders made(folder.path());
  EXPECT_FALSE(made.made_any());
  made.remove_empty();
  EXPECT_TRUE(fs::exists(folder.path()));
  EXPECT_FALSE(MadeFolders("").made_any()) << "the current folder";
}

TEST(MadeFolders, APathThroughAFileIsOneErrorAndNothingIsMade) {
  test::TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  try {
    const MadeFolders made(folder / "file/a/b");
    ADD_FAILURE() << "a folder inside a file";
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("Not a directory"), std::string::npos) << error.what();
  }
  EXPECT_TRUE(fs::is_regular_file(folder / "file"));
}

}  // namespace
}  // namespace precinct
