// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// `precinct bench scaling` as a user runs it: it starts its own ranks, prints a table, leaves
// files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/child_process.h"
#include "tests/support/small_project.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::Words;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr int kDeadlineMs = 120'000;

const test::SmallProject& project() {
  static const test::SmallProject project;
  return project;
}

ProgramResult bench(const Words& more) {
  Words words = {test::precinct_program(), "bench", "scaling"};
  words.insert(words.end(), more.begin(), more.end());
  return test::run_program(words, kDeadlineMs, test::use_one_thread);
}

TEST(BenchScaling, StartsItsRanksPrintsOneTableANetworkAndWritesThreeFiles) {
  const fs::path out = project() / "new" / "scaling";
  const auto result = bench({project().config("dnn"), project().config("gat_tcn"), "--rounds", "2",
                             "--steps", "2", "--out", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, read_file(out / "scaling.txt"));
  EXPECT_THAT(result.out, Not(HasSubstr("[rank 0]")));
  EXPECT_THAT(result.out, Not(HasSubstr("--no-table")));
  for (const char* network : {"(dnn, ", "(gat_tcn, "}) EXPECT_THAT(result.out, HasSubstr(network));
  for (const char* run : {"dp2", "tp2", "pp2"}) {
    EXPECT_THAT(result.out,
                ContainsRegex(std::string("\n") + run + " +2 x 1 .* 7 steps, .e[-+]..\n"));
    EXPECT_THAT(result.out,
                ContainsRegex(std::string("\n") + run + ": [0-9.]+x the fastest run in one"));
  }
  EXPECT_THAT(read_file(out / "scaling.md"), HasSubstr("| dp2 | 2 x 1 |"));
  const auto json = nlohmann::json::parse(read_file(out / "scaling.json"));
  ASSERT_EQ(json["networks"].size(), 2U);
  EXPECT_EQ(json["networks"][0]["runs"][0]["ranks"][0]["total_seconds"].size(), 4U);
  EXPECT_THAT(json["origin"]["command"].get<std::string>(), HasSubstr("bench scaling"));
  EXPECT_EQ(json["networks"][0]["num_ranks"], 2);
}

TEST(BenchScaling, BelowALauncherTakesTheRanksThatAreThere) {
  const fs::path out = project() / "launched";
  const auto result =
      test::run_program({test::precinct_program(), "launch", "--nproc", "2", "--no-pin", "--",
                         test::precinct_program(), "bench", "scaling", project().config("dnn"),
                         "--layouts", "dp2", "--rounds", "1", "--steps", "1", "--out", out},
                        kDeadlineMs, test::use_one_thread);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("[rank 0] dp2: "));
  EXPECT_THAT(result.out, Not(HasSubstr("[rank 1]")));
  EXPECT_THAT(result.out, Not(HasSubstr("tp2")));
}

TEST(BenchScaling, JsonIsAlonePrintedAndOneProcessIsEnough) {
  const auto result = bench({project().config("dnn"), "--nproc", "1", "--rounds", "1", "--steps",
                             "1", "--json", "--out", project() / "alone"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["networks"][0]["runs"][0]["name"], "serial");
  const auto ranks = bench({"--layouts", "dp2", "--rounds", "1", "--steps", "1", "--json", "--out",
                            project() / "ranks", "--", project().config("dnn")});
  ASSERT_EQ(ranks.exit_code, 0) << ranks.err;
  const auto of_ranks = nlohmann::json::parse(ranks.out);
  EXPECT_EQ(of_ranks["networks"][0]["rows"].back()["name"], "dp2");
  EXPECT_THAT(of_ranks["origin"]["command"].get<std::string>(),
              HasSubstr("bench scaling --layouts dp2 "));
}

TEST(BenchScaling, RefusesInOneLineBeforeAnyRankIsStarted) {
  struct Case {
    Words words;
    int code;
    const char* says;
  };
  const Words dnn = {project().config("dnn")};
  const auto with = [&](Words more) {
    more.insert(more.begin(), dnn.front());
    return more;
  };
  for (const Case& c : std::vector<Case>{
           {with({"--layouts", "dp2,dp2"}), 2, "--layouts: expected each layout once, found dp2"},
           {with({"--layouts", "dp3"}), 2, "--layouts: expected sizes that multiply to the 2"},
           {with({"--layouts", "gp2"}), 2, "found 'gp2'"},
           {with({"--rounds", "0"}), 2, "--rounds: expected a number from 1"},
           {with({"--nproc", "0"}), 2, "--nproc: expected a number of ranks from 1"},
           {with({"--seconds", "-1"}), 2, "--seconds: expected seconds from 0"},
           {with({"--set", "model.num_head=2"}), 2, "model.num_head"},
           {with({"--set", "data.panel=/nowhere/panel.h5"}), 6, "/nowhere/panel.h5"},
           {with({"--out", "/proc/self/scaling"}), 6, "/proc/self/scaling"},
           {{project().config("baselines")}, 2, "expected a network, found baselines"}}) {
    Words words = c.words;
    if (std::find(words.begin(), words.end(), "--out") == words.end())
      words.insert(words.end(), {"--out", project() / "refused"});
    const auto result = bench(words);
    EXPECT_EQ(result.exit_code, c.code) << c.says << ": " << result.err;
    EXPECT_EQ(result.out, "") << c.says;
    EXPECT_THAT(result.err, HasSubstr(c.says));
    EXPECT_THAT(result.err, Not(HasSubstr("[rank ")));
    EXPECT_FALSE(fs::exists(project() / "refused"));
  }
}

}  // namespace
}  // namespace precinct
