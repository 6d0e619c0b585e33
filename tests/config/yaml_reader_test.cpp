// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

#include "base/error.h"
#include "tests/support/config_files.h"

namespace precinct::config {
namespace {

using test::ConfigFiles;
using test::problems_in;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Read {
  YamlValues values;
  std::vector<std::string> problems;
};

Read read(const std::string& text) {
  ConfigFiles files;
  Read r;
  read_yaml(files.write("a.yaml", text), r.values, r.problems);
  return r;
}

TEST(YamlReader, NestedMapsBecomeDottedKeysWithTheirLine) {
  const Read r = read("data:\n  split:\n    gap: 3\n  horizon: 7\nlist: [a, 'b c']\nnone:\n");
  EXPECT_THAT(r.problems, IsEmpty());
  EXPECT_EQ(r.values.at("data.split.gap").items.at(0), "3");
  EXPECT_THAT(r.values.at("data.split.gap").where, EndsWith("a.yaml:3"));
  EXPECT_THAT(r.values.at("data.horizon").where, EndsWith("a.yaml:4"));
  EXPECT_TRUE(r.values.at("list").is_list);
  EXPECT_THAT(r.values.at("list").items, ElementsAre("a", "b c"));
  EXPECT_TRUE(r.values.at("none").is_empty);
}

TEST(YamlReader, EnvironmentVariablesAreReplaced) {
  ::setenv("PRECINCT_TEST_NAME", "west", 1);
  ::unsetenv("PRECINCT_TEST_UNSET");
  const Read r = read(
      "a: ${PRECINCT_TEST_NAME}\nb: x/${PRECINCT_TEST_NAME}/${PRECINCT_TEST_UNSET:-y}/z\n"
      "c: [\"${PRECINCT_TEST_UNSET:-}\", \"${PRECINCT_TEST_NAME:-other}\"]\nd: ${unfinished\n");
  EXPECT_THAT(r.problems, IsEmpty());
  EXPECT_EQ(r.values.at("a").items.at(0), "west");
  EXPECT_EQ(r.values.at("b").items.at(0), "x/west/y/z");
  EXPECT_THAT(r.values.at("c").items, ElementsAre("", "west"));
  EXPECT_EQ(r.values.at("d").items.at(0), "${unfinished");
}

TEST(YamlReader, EnvironmentVariablesAreReplacedInAssignments) {
  ::setenv("PRECINCT_TEST_NAME", "west", 1);
  Read r;
  read_assignment("run.name=${PRECINCT_TEST_NAME}-1", r.values, r.problems);
  EXPECT_EQ(r.values.at("run.name").items.at(0), "west-1");
}

TEST(YamlReader, UnsetVariableIsOneProblemWithItsPlace) {
  ::unsetenv("PRECINCT_TEST_UNSET");
  EXPECT_THAT(read("x: 1\na: ${PRECINCT_TEST_UNSET}\n").problems,
              ElementsAre(AllOf(HasSubstr("a.yaml:2: ${PRECINCT_TEST_UNSET}: expected a set"),
                                HasSubstr("found none; export it"))));
}

TEST(YamlReader, DoubledKeysAreProblemsWithBothLines) {
  EXPECT_THAT(read("a:\n  b: 1\n  c: 2\n  b: 3\n").problems,
              ElementsAre(AllOf(HasSubstr("a.yaml:4: a.b: expected each key once"),
                                HasSubstr("found it in line 2 too"))));
  EXPECT_THAT(read("a: {b: 1}\na: {c: 1}\n").problems, ElementsAre(HasSubstr("a.yaml:2: a: ")));
  // The same key once nested and once dotted.
  EXPECT_THAT(read("a.b: 1\na: {b: 2}\n").problems, ElementsAre(HasSubstr("a.yaml:2: a.b: ")));
}

TEST(YamlReader, SyntaxErrorsNameTheLine) {
  EXPECT_THAT(read("a: 1\nb: [1, 2\n").problems, ElementsAre(HasSubstr("a.yaml:3: expected YAML")));
  EXPECT_THAT(read("a: *nowhere\n").problems, ElementsAre(HasSubstr("a.yaml:1: expected YAML")));
  EXPECT_THAT(read("- 1\n- 2\n").problems, ElementsAre(HasSubstr("expected a map of sections")));
  EXPECT_THAT(read("a: 1\n---\nb: 2\n").problems,
              ElementsAre(HasSubstr("a.yaml:2: expected one map")));
  // What yaml-cpp alone would drop without a word, or read for ever.
  EXPECT_THAT(read(",a: 1\n").problems, ElementsAre(HasSubstr("a.yaml:1: expected one map")));
  EXPECT_THAT(read("a: 1\n]\nb: 2\n").problems, Contains(HasSubstr("a.yaml:2: expected")));
  EXPECT_THAT(read("---\na: 1\n...\n").problems, IsEmpty());
  EXPECT_THAT(read("a: [1, [2]]\n").problems, ElementsAre(HasSubstr("found a nested one")));
  EXPECT_THAT(read("").problems, IsEmpty());
}

TEST(YamlReader, AssignmentsTakeScalarsListsAndEmptyText) {
  Read r;
  for (const char* text : {"a.b=5", "c=[1, 2]", "d=", "e=x=y"})
    read_assignment(text, r.values, r.problems);
  EXPECT_THAT(r.problems, IsEmpty());
  EXPECT_EQ(r.values.at("a.b").items.at(0), "5");
  EXPECT_EQ(r.values.at("a.b").where, "--set");
  EXPECT_THAT(r.values.at("c").items, ElementsAre("1", "2"));
  EXPECT_EQ(r.values.at("d").items.at(0), "");
  EXPECT_EQ(r.values.at("e").items.at(0), "x=y");
  for (const char* text : {"a", "=5", ""}) read_assignment(text, r.values, r.problems);
  EXPECT_EQ(r.problems.size(), 3U);
}

TEST(YamlReader, QuotedTextReadsBack) {
  for (const std::string text : {"", "a\"b", "x: y", "# no", "\\", "tab\there", "größe", "null"}) {
    const Read r = read("k: " + yaml_quote(text) + "\n");
    EXPECT_EQ(r.values.at("k").items.at(0), text);
  }
}

TEST(YamlReader, ShownTextIsOneShortLine) {
  EXPECT_EQ(shown("a\nb\x01"), "a\\x0ab\\x01");
  EXPECT_LT(shown(std::string(10'000, 'x')).size(), 200U);
}

TEST(YamlReader, MissingFileIsAnIoError) {
  Read r;
  EXPECT_THROW(read_yaml("no/such/file.yaml", r.values, r.problems), IoError);
}

long peak_memory_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

/// Nine anchors, each nine times the one before: 9^9 values when followed.
std::string alias_bomb(const std::string& open, const std::string& close, bool map) {
  std::string text = "a0: &a0 " + open + (map ? "x: 1" : "1") + close + "\n";
  for (int level = 1; level < 10; ++level) {
    text += fmt::format("a{0}: &a{0} {1}", level, open);
    for (int i = 0; i < 9; ++i)
      text += fmt::format("{}{}*a{} ", i == 0 ? "" : ", ", map ? fmt::format("k{}: ", i) : "",
                          level - 1);
    text += close + "\n";
  }
  return text;
}

struct Bomb {
  const char* name;
  std::string text;
};

class YamlBombs : public ::testing::TestWithParam<Bomb> {};

// D6: at most 256 MB and 2 s (the sanitizers are given more).
TEST_P(YamlBombs, EndFastWithAProblem) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr double kSeconds = 20;
  constexpr long kKib = 2'000'000;
#else
  constexpr double kSeconds = 2;
  constexpr long kKib = 256 * 1024;
#endif
  const std::clock_t start = std::clock();  // processor time: other work on the machine is no fault
  const long before = peak_memory_kib();
  const auto problems = problems_in(GetParam().text);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_FALSE(problems.empty());
  EXPECT_LE(problems.size(), 101U);
  for (const auto& line : problems) EXPECT_LT(line.size(), 600U) << line.substr(0, 600);
  EXPECT_LT(seconds, kSeconds);
  EXPECT_LT(peak_memory_kib() - before, kKib);
}

INSTANTIATE_TEST_SUITE_P(
    All, YamlBombs,
    ::testing::Values(
        Bomb{"alias_maps", alias_bomb("{", "}", true)},
        Bomb{"alias_lists", alias_bomb("[", "]", false)},
        Bomb{"alias_to_itself", "a: &a {b: *a}\n"}, Bomb{"alias_to_own_list", "a: &a [1, *a]\n"},
        Bomb{"nested_lists", "a: " + repeated("[", 100'000)},
        Bomb{"nested_maps", repeated("{a: ", 100'000)},
        Bomb{"nested_closed", "a: " + repeated("[", 100'000) + repeated("]", 100'000)},
        Bomb{"nested_blocks", repeated("- ", 100'000)},
        Bomb{"question_marks", repeated("? ", 100'000)},
        Bomb{"deep_sections",
             [] {
               std::string text;
               for (int i = 0; i < 400; ++i)
                 text += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
               return text;
             }()},
        Bomb{"many_unknown_keys",
             [] {
               std::string text;
               for (int i = 0; i < 60'000; ++i) text += fmt::format("key{}: 1\n", i);
               return text;
             }()},
        Bomb{"one_long_key", std::string(900'000, 'k') + ": 1\n"},
        Bomb{"one_long_value", "run: {seed: " + std::string(1'000'000, '9') + "}\n"},
        Bomb{"long_list", "data: {split: {fractions: [" + repeated("7, ", 90'000) + "1]}}\n"},
        Bomb{"endless_quote", "run: {name: \"" + std::string(1'000'000, 'x')},
        Bomb{"nul_bytes", std::string(1000, '\0')}, Bomb{"too_large", std::string(2 << 20, ' ')}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(YamlReader, HugeFileIsRefusedBeforeItIsRead) {
  ConfigFiles files;
  const auto path = files.write("huge.yaml", "a");
  std::filesystem::resize_file(path, 8ULL << 30);  // sparse
  const long before = peak_memory_kib();
  EXPECT_THAT(test::problems_of({path}), Contains(HasSubstr("found 8589934592; is this")));
  EXPECT_LT(peak_memory_kib() - before, 64 * 1024);
}

}  // namespace
}  // namespace precinct::config
