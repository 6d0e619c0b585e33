// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/distinct_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(DistinctFiles, AnOutputThatIsAnInputIsRefusedUnderAnyName) {
  test::TemporaryFolder folder;
  fs::create_directories(folder / "run/artifact");
  for (const char* name : {"a.csv", "other.csv", "run/artifact/weights", "run/evaluation.json"})
    std::ofstream(folder / name) << name;
  fs::create_symlink(folder / "a.csv", folder / "link.csv");
  fs::create_hard_link(folder / "a.csv", folder / "hard.csv");
  const auto refusal = [&](const fs::path& output, const fs::path& input) {
    return error_of([&] {
      require_distinct({{"--out", folder / output}}, {{"the panel", folder / input}});
    });
  };
  for (const char* name : {"a.csv", "./run/../a.csv", "link.csv", "hard.csv"})
    EXPECT_THAT(refusal(name, "a.csv"),
                HasSubstr("--out: expected another file than the panel, which is read, found '"));
  EXPECT_NE(refusal("run/artifact/weights", "run"), "");
  EXPECT_NE(refusal("run/evaluation.json", "run"), "");
  EXPECT_NE(refusal("absent.csv", "./absent.csv"), "");
  EXPECT_NO_THROW(require_distinct(
      {{"--out", folder / "new.csv"}, {"--more", folder / "run/new.csv"}},
      {{"a", folder / "a.csv"}, {"other", folder / "other.csv"}, {"run", folder / "run"}}));
}

TEST(DistinctFiles, TwoOutputsOfOneNameAreRefused) {
  EXPECT_THAT(error_of([&] {
                require_distinct({{"--out", "x.h5"}, {"--keep-audit-fields", "./x.h5"}}, {});
              }),
              HasSubstr("--keep-audit-fields: expected another file than --out, which is written"));
}

}  // namespace
}  // namespace precinct
