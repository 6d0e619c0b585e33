// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// The help of each verb has an example, and the example is one that the program takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

Words split(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

/// Verbs in the order of the program's own list.
Words verbs() {
  const auto help = test::run_program({test::precinct_program(), "--help"});
  EXPECT_EQ(help.exit_code, 0);
  Words verbs;
  std::istringstream lines(help.out.substr(help.out.find("Subcommands:")));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("  ")) verbs.push_back(split(line).front());
  return verbs;
}

/// The commands of the lines "Example: precinct ..." and "Example of something: precinct ...".
std::vector<Words> examples_of(const std::string& help) {
  std::vector<Words> examples;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find(": precinct ");
    if (line.starts_with("Example") && at != std::string::npos)
      examples.push_back(split(line.substr(at + 2)));
  }
  return examples;
}

std::string help_of(const std::string& verb) {
  return test::run_program({test::precinct_program(), verb, "--help"}).out;
}

TEST(Help, NamesTheVerbsOfAFirstDay) {
  EXPECT_THAT(verbs(),
              testing::IsSupersetOf({"ingest", "config", "train", "evaluate", "forecast"}));
}

TEST(Help, OfEachVerbSaysWhatItDoesAndHasAnExample) {
  for (const std::string& verb : verbs()) {
    const auto help = test::run_program({test::precinct_program(), verb, "--help"});
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_EQ(help.err, "") << verb;
    EXPECT_THAT(help.out, HasSubstr("Usage: ")) << verb;
    EXPECT_THAT(help.out, HasSubstr("Exit codes: ")) << verb;
    const auto examples = examples_of(help.out);
    ASSERT_FALSE(examples.empty()) << verb;
    EXPECT_EQ(examples.front().at(1), verb);
  }
}

TEST(Help, OfAVerbThatThereIsNotSaysSo) {
  for (const Words& words : {Words{"trian", "--help"}, Words{"bench", "scalign", "--help"}}) {
    Words command = words;
    command.insert(command.begin(), test::precinct_program());
    const auto help = test::run_program(command);
    EXPECT_EQ(help.exit_code, 2) << words.front();
    EXPECT_EQ(help.out, "") << words.front();
    EXPECT_THAT(help.err, HasSubstr("did you mean")) << words.front();
  }
}

TEST(Help, TheProgramsOwnOptionsMayStandBehindTheVerb) {
  const auto quiet =
      test::run_program({test::precinct_program(), "config", "check", "--quiet",
                         std::string(PRECINCT_SOURCE_DIR) + "/configs/west_la/dnn.yaml"});
  EXPECT_EQ(quiet.exit_code, 0) << quiet.err;
}

/// Each example is run where its configurations are but no panel and no run: it gets past the
/// command line and the configuration, whatever it then misses.
TEST(Help, ExamplesAreTakenByTheProgram) {
  const fs::path source = PRECINCT_SOURCE_DIR;
  for (const std::string& verb : verbs()) {
    for (Words words : examples_of(help_of(verb))) {
      test::TemporaryFolder folder;
      fs::copy(source / "configs", folder / "configs", fs::copy_options::recursive);
      fs::create_directory_symlink(source / "data", folder / "data");
      words[0] = test::precinct_program();
      const auto result = test::run_program(words, -1, [&] { fs::current_path(folder.path()); });
      EXPECT_NE(result.exit_code, 2) << verb << ": " << result.err;
      EXPECT_NE(result.exit_code, 70) << verb << ": " << result.err;
      EXPECT_THAT(result.err, Not(HasSubstr("command line"))) << verb;
    }
  }
}

TEST(Help, OfTrainSaysHowRanksAreStartedAndAllItsExitCodes) {
  const std::string help = help_of("train");
  for (const char* words : {"precinct launch --nproc 2 -- precinct train", "--dry-run --world-size",
                            "srun, torchrun or mpirun", "parallel.tp="})
    EXPECT_THAT(help, HasSubstr(words));
  const std::string codes = help.substr(help.find("Exit codes: "));
  for (const char* code : {" 0 ", " 2 ", " 3 ", " 4 ", "\n5 ", " 6 ", "\n7 ", " 8 ", " 75 "})
    EXPECT_THAT(codes, HasSubstr(code));
}

TEST(Help, OfIngestSaysHowSeveralPatternsOfDistrictsAreGiven) {
  EXPECT_THAT(help_of("ingest"),
              HasSubstr("patterns, separated by commas, e.g. 8*,14??; may be given again"));
}

TEST(Help, OfLaunchSaysWhatSignalsAndAHangDo) {
  const std::string help = help_of("launch");
  for (const char* words :
       {"bare word precinct after -- is this very program", "SIGHUP (as SIGTERM)", "hangs is named",
        "parallel.heartbeat_seconds", "--max-restarts starts"})
    EXPECT_THAT(help, HasSubstr(words));
}

TEST(Help, AWordThatIsNoVerbOrNoOptionIsOneLineThatSaysWhereToLook) {
  struct Case {
    Words words;
    const char* says;
  };
  for (const Case& wrong : std::vector<Case>{
           {{}, "precinct: verb: expected one of ingest, "},
           {{"trian"}, "found 'trian' (did you mean 'train'?); "},
           {{"train"}, "precinct: train: expected config, "},
           {{"train", "a.yaml", "--sett", "x=1"}, "found '--sett' (did you mean '--set'?); "},
           {{"launch", "-q", "2", "--", "precinct", "train"}, "found '-q'; "},
           {{"train", "a.yaml", "--resume", "maybe"},
            "precinct: train: --resume: expected one of auto,never,require, found 'maybe'; "},
           {{"ingest", "a.csv", "--profil", "lapd", "--out", "p.h5"},
            "precinct: ingest: expected what its help lists, found '--profil' (did you mean "
            "'--profile'?); "},
           {{"ingest", "a.csv", "--profile", "lapd", "--profile", "x", "--out", "p.h5"},
            "precinct: ingest: --profile: expected it once, found 2 of it; "},
           {{"submit", "a.yaml", "--nodes", "0"},
            "precinct: submit: --nodes: expected 1 to 100000, found '0'; "},
           {{"launch", "-n", "two", "true"},
            "precinct: launch: --nproc: expected a number, found 'two'; "},
           {{"forecast", "--artifact"},
            "precinct: forecast: --artifact: expected a value, found none; "},
           {{"forecast", "--panel", "p.h5"}, "--artifact"},
           {{"evaluate", "r", "--json", "--csv"},
            "precinct: evaluate: --json: expected no --csv beside it, found both; "}}) {
    Words words = {test::precinct_program()};
    words.insert(words.end(), wrong.words.begin(), wrong.words.end());
    const auto result = test::run_program(words);
    EXPECT_EQ(result.exit_code, 2) << wrong.says;
    EXPECT_EQ(result.out, "") << wrong.says;
    EXPECT_THAT(result.err, testing::MatchesRegex("precinct: [^\n]*expected [^\n]*, found [^\n]*; "
                                                  "see 'precinct[^\n]* --help'\n"));
    EXPECT_THAT(result.err, HasSubstr(wrong.says));
  }
}

/// Most often a variable of a shell that was never set.
TEST(Help, AnEmptyArgumentIsNamedByWhatItWouldBe) {
  struct Case {
    Words words;
    std::string says;
  };
  for (const Case& c : std::vector<Case>{
           {{"inspect", ""}, "precinct: path: expected a value, found ''; see 'precinct inspect "},
           {{"evaluate", "a", ""}, "precinct: run: expected a value, found ''; "},
           {{"ingest", "--profile", "lapd", "--out", "", "a.csv"}, "precinct: --out: expected a v"},
           {{"bench", "scaling", "a.yaml", "--out", ""}, "see 'precinct bench scaling --help'"}}) {
    Words words = {test::precinct_program()};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const auto result = test::run_program(words);
    EXPECT_EQ(result.exit_code, 2) << c.says;
    EXPECT_THAT(result.err, testing::MatchesRegex("precinct: [^\n]*; see '[^\n]*\n"));
    EXPECT_THAT(result.err, HasSubstr(c.says));
  }
}

TEST(Help, AMistypedVerbIsAnsweredWithTheOneThatIsLike) {
  struct Case {
    Words words;
    std::string meant;  // nothing when no verb is like it
  };
  for (const Case& c : std::vector<Case>{{{"forcast"}, "forecast"},
                                         {{"eval"}, "evaluate"},
                                         {{"ingset", "a.csv"}, "ingest"},
                                         {{"config", "chekc", "a.yaml"}, "check"},
                                         {{"predict"}, ""},
                                         {{"x"}, ""},
                                         {{std::string(1000, 't')}, ""}}) {
    Words words = {test::precinct_program()};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const auto result = test::run_program(words);
    EXPECT_EQ(result.exit_code, 2) << c.words.back();
    if (c.meant.empty()) {
      EXPECT_THAT(result.err, Not(HasSubstr("did you mean"))) << c.words.back();
    } else {
      EXPECT_THAT(result.err, HasSubstr("(did you mean '" + c.meant + "'?)"));
    }
  }
}

}  // namespace
}  // namespace precinct
