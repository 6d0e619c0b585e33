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

/// What follows "Example:" up to the line's end.
std::string example_of(const std::string& help) {
  const auto at = help.find("Example: precinct ");
  if (at == std::string::npos) return "";
  return help.substr(at + 9, help.find('\n', at) - at - 9);
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
    EXPECT_EQ(split(example_of(help.out)).size() >= 2 ? split(example_of(help.out))[1] : "", verb);
  }
}

/// Each example is run where its configurations are but no panel and no run: it gets past the
/// command line and the configuration, whatever it then misses.
TEST(Help, ExamplesAreTakenByTheProgram) {
  const fs::path source = PRECINCT_SOURCE_DIR;
  for (const std::string& verb : verbs()) {
    test::TemporaryFolder folder;
    fs::copy(source / "configs", folder / "configs", fs::copy_options::recursive);
    fs::create_directory_symlink(source / "data", folder / "data");
    const auto help = test::run_program({test::precinct_program(), verb, "--help"});
    Words words = split(example_of(help.out));
    ASSERT_FALSE(words.empty()) << verb;
    words[0] = test::precinct_program();
    const auto result = test::run_program(words, -1, [&] { fs::current_path(folder.path()); });
    EXPECT_NE(result.exit_code, 2) << verb << ": " << result.err;
    EXPECT_NE(result.exit_code, 70) << verb << ": " << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("command line"))) << verb;
  }
}

TEST(Help, AWordThatIsNoVerbOrNoOptionIsOneLineThatSaysWhereToLook) {
  struct Case {
    Words words;
    const char* says;
  };
  for (const Case& wrong : std::vector<Case>{{{}, "precinct: verb: expected one of ingest, "},
                                             {{"trian"}, "found 'trian' (did you mean 'train'?); "},
                                             {{"train"}, "precinct: train: expected config, "},
                                             {{"train", "a.yaml", "--sett", "x=1"}, "--sett"},
                                             {{"train", "a.yaml", "--resume", "maybe"}, "maybe"},
                                             {{"forecast", "--panel", "p.h5"}, "--artifact"},
                                             {{"evaluate", "r", "--json", "--csv"}, "--json"}}) {
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
