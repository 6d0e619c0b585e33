// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::run_program;
using testing::HasSubstr;

using Words = std::vector<std::string>;

test::ProgramResult doctor(Words more, const std::function<void()>& before = {}) {
  Words words = {test::precinct_program(), "doctor"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words, -1, before);
}

json finding(const test::ProgramResult& result, const std::string& name) {
  const json report = json::parse(result.out);
  for (const auto& f : report.at("findings"))
    if (f.at("name") == name) return f;
  ADD_FAILURE() << "no finding named " << name;
  return json::object();
}

/// A build without LibTorch cannot run anything, and says so with code 8.
bool has_torch(const test::ProgramResult& result) {
  return finding(result, "LibTorch").at("level") == "fine";
}

TEST(Doctor, ACpuRunIsPossibleHere) {
  const test::TemporaryFolder folder;
  const auto result = doctor({"--json", "--run-folder", (folder / "a/b").string()});
  const auto report = json::parse(result.out);
  EXPECT_EQ(report["cpu_run_possible"], has_torch(result));
  EXPECT_EQ(result.exit_code, has_torch(result) ? 0 : 8);
  for (const char* name : {"processor", "threads", "memory", "disk", "LibTorch", "GPU", "HDF5",
                           "PROJ", "time zones", "profiles", "report script"})
    EXPECT_FALSE(finding(result, name).at("found").get<std::string>().empty()) << name;
  EXPECT_TRUE(fs::is_empty(folder.path()));  // nothing is left, and no folder was made
}

TEST(Doctor, WhatIsNotFineHasARemedy) {
  const json report = json::parse(doctor({"--json"}).out);
  for (const auto& f : report.at("findings")) {
    if (f.at("level") == "fine") continue;
    EXPECT_FALSE(f.at("remedy").get<std::string>().empty()) << f.dump();
  }
}

TEST(Doctor, TextNamesEveryFindingAndEndsWithASentence) {
  const auto result = doctor({});
  EXPECT_THAT(result.out, HasSubstr("HDF5"));
  EXPECT_THAT(result.out, HasSubstr(result.exit_code == 0 ? "Runs are possible here"
                                                          : "A run is not possible here"));
}

TEST(Doctor, PlantedFaultsAreFound) {
  const test::TemporaryFolder folder;
  auto result = doctor({"--json"}, [] { ::setenv("OMP_NUM_THREADS", "4096", 1); });
  EXPECT_EQ(finding(result, "threads").at("level"), "note");
  result = doctor({"--json"}, [&] { ::setenv("PRECINCT_DEPS", folder.path().c_str(), 1); });
  EXPECT_EQ(finding(result, "report script").at("level"), "note");
  EXPECT_THAT(finding(result, "report script").at("remedy").get<std::string>(),
              HasSubstr("scripts/setup"));
  result = doctor({"--json"}, [&] {
    ::setenv("PROJ_LIB", folder.path().c_str(), 1);  // a folder without proj.db
    ::setenv("PROJ_DATA", folder.path().c_str(), 1);
  });
  EXPECT_EQ(finding(result, "PROJ").at("level"), "problem");
  EXPECT_EQ(result.exit_code, 8);
}

TEST(Doctor, ARunFolderThatCannotBeWrittenIsAProblem) {
  const auto result = doctor({"--json", "--run-folder", "/proc/runs"});
  EXPECT_EQ(finding(result, "disk").at("level"), "problem");
  EXPECT_EQ(result.exit_code, 8);
}

}  // namespace
}  // namespace precinct
