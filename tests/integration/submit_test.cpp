// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
//
// `precinct submit` with an sbatch of the test's own; real Slurm is in tests/slurm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::MatchesRegex;
using Words = std::vector<std::string>;

/// A folder with a configuration, and a bin/ that is the whole PATH.
class Site {
 public:
  Site() {
    fs::create_directory(folder_ / "bin");
    write_file_atomically(folder_ / "dnn.yaml",
                          "run: {name: first}\ndata: {panel: panel.h5}\nmodel: {name: dnn}\n");
    write_file_atomically(folder_ / "panel.h5", "");  // only looked for
  }
  /// An sbatch that writes what it is given into `words` and `variables`, then does `body`.
  void sbatch(const std::string& body) {
    const fs::path file = folder_ / "bin" / "sbatch";
    write_file_atomically(file,
                          "#!/bin/sh\nprintf '%s\\n' \"$@\" >words\necho \"$PRECINCT\" >program\n"
                          "echo \"$PRECINCT_SITE_ENV\" >site\n" +
                              body + "\n");
    fs::permissions(file, fs::perms::owner_all);
  }
  test::ProgramResult submit(const Words& more) {
    Words words = {test::precinct_program(), "submit"};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_program(words, 60'000, [&] {
      ::setenv("PATH", (folder_ / "bin").c_str(), 1);
      ::unsetenv("PRECINCT_SITE_ENV");
      fs::current_path(folder_.path());
    });
  }
  Words lines(const std::string& name) const {
    std::ifstream file(folder_ / name);
    Words lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  fs::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  test::TemporaryFolder folder_;
};

TEST(Submit, GivesSbatchTheScriptTheLayoutAndTheArgumentsOfTrain) {
  Site site;
  site.sbatch("echo 'sbatch: warning: planted' >&2; echo '4711;cluster'");
  const auto result =
      site.submit({"dnn.yaml", "--set", "train.epochs=2", "--run-dir", "runs/it's one", "--nodes",
                   "2", "--gpus-per-node", "4", "--cores-per-rank", "8", "--time", "1:00:00",
                   "--sbatch=--partition=gpu", "--sbatch=--account=a b"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string run = (site / "runs/it's one").string();
  EXPECT_EQ(result.out, "job 4711\nlog " + run + "-4711.out\nrun " + run + "\n");
  EXPECT_THAT(site.lines("words"),
              testing::ElementsAre("--parsable", "--export=ALL", "--job-name=it's one",
                                   "--output=" + run + "-%j.out", "--nodes=2",
                                   "--ntasks-per-node=4", "--gpus-per-node=4", "--cpus-per-task=8",
                                   "--time=1:00:00", "--partition=gpu", "--account=a b",
                                   std::string(PRECINCT_SOURCE_DIR) + "/scripts/slurm/train.sbatch",
                                   "dnn.yaml", "--set", "train.epochs=2", "--run-dir", run));
  EXPECT_TRUE(fs::equivalent(site.lines("program").at(0), test::precinct_program()));
  EXPECT_TRUE(fs::is_directory(site / "runs"));  // sbatch writes the log there
  EXPECT_FALSE(fs::exists(run));
}

TEST(Submit, WithoutOptionsTakesOneRankAndTheRunsOwnName) {
  Site site;
  site.sbatch("echo 5");
  fs::create_directories(site / "scripts/slurm");
  write_file_atomically(site / "scripts/slurm/site.env", "");
  const auto result = site.submit({"dnn.yaml", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_EQ(report["job"], "5");
  EXPECT_EQ(fs::path(report["run_folder"].get<std::string>()).filename(), "first");
  EXPECT_EQ(report["log"], report["run_folder"].get<std::string>() + "-5.out");
  EXPECT_THAT(site.lines("words"), testing::IsSupersetOf({"--nodes=1", "--ntasks-per-node=1"}));
  EXPECT_EQ(site.lines("site").at(0), (site / "scripts/slurm/site.env").string());
}

TEST(Submit, ADryRunPrintsWhatAShellWouldRunAndRunsNothing) {
  Site site;
  site.sbatch("echo 6");
  const Words words = {"dnn.yaml", "--run-dir", "runs/it's one/", "--set", "run.seed=7"};
  Words dry = words;
  dry.push_back("--dry-run");
  const auto result = site.submit(dry);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(site.lines("words").empty());
  EXPECT_FALSE(fs::exists(site / "runs"));
  EXPECT_THAT(result.out, MatchesRegex("PRECINCT=[^\n]*/precinct sbatch [^\n]*\n"));
  // what is printed does what the verb does
  ASSERT_EQ(site.submit(words).exit_code, 0);
  const Words done = site.lines("words"), program = site.lines("program");
  EXPECT_THAT(done, testing::Contains("--job-name=it's one"));
  fs::remove(site / "words");
  const auto shell = test::run_program({"/bin/sh", "-c", result.out}, 60'000, [&] {
    ::setenv("PATH", (site / "bin").c_str(), 1);
    fs::current_path(site / ".");
  });
  EXPECT_EQ(shell.exit_code, 0) << shell.err;
  EXPECT_EQ(site.lines("words"), done);
  EXPECT_EQ(site.lines("program"), program);
}

struct Refusal {
  const char* name;
  const char* sbatch;  // nullptr: there is none
  Words words;
  int code;
  const char* says;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class SubmitRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(SubmitRefuses, InOneLineThatSaysWhatToDo) {
  Site site;
  if (GetParam().sbatch != nullptr) site.sbatch(GetParam().sbatch);
  const auto result = site.submit(GetParam().words);
  EXPECT_EQ(result.exit_code, GetParam().code) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, MatchesRegex("precinct: [^\n]+; [^\n]+\n"));
  EXPECT_THAT(result.err, HasSubstr(GetParam().says));
  if (result.err.starts_with("precinct: sbatch:")) {
    EXPECT_THAT(result.err, MatchesRegex("precinct: sbatch: expected [^\n]*, found [^\n]*; .*\n"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SubmitRefuses,
    testing::Values(
        Refusal{"no_sbatch", nullptr, {"dnn.yaml"}, 2, "on PATH, found none; run this on a login"},
        Refusal{"refused",
                "echo 'sbatch: error: invalid partition specified: x' >&2; echo 'sbatch: error: "
                "Batch job submission failed: Invalid partition name specified' >&2; exit 1",
                {"dnn.yaml", "--sbatch=--partition=x"},
                2,
                "found 'sbatch: error: invalid partition specified: x sbatch: error: Batch job"},
        Refusal{"no_controller",
                "echo 'sbatch: error: Batch job submission failed: Unable to contact slurm "
                "controller (connect failure)' >&2; exit 1",
                {"dnn.yaml"},
                4,
                "Unable to contact"},
        Refusal{"says_nothing", "exit 3", {"dnn.yaml"}, 2, "found 'nothing, exit code 3'"},
        Refusal{"no_number", "echo queued", {"dnn.yaml"}, 2, "found 'queued'"},
        Refusal{"wrong_key",
                "echo 1",
                {"dnn.yaml", "--set", "train.epoch=2"},
                2,
                "did you mean 'train.epochs'"},
        Refusal{"degrees",
                "echo 1",
                {"dnn.yaml", "--nodes", "2", "--ranks-per-node", "2", "--set", "parallel.tp=3"},
                2,
                "multiply to the job's 4 ranks (2 hosts x 2), found -1 x 1 x 3; "},
        Refusal{"option_without_dashes",
                "echo 1",
                {"dnn.yaml", "--sbatch", "partition=gpu"},
                2,
                "--sbatch: expected an option that begins with '-', found 'partition=gpu'"},
        Refusal{"no_panel",
                "echo 1",
                {"dnn.yaml", "--set", "data.panel=absent.h5"},
                6,
                "absent.h5: expected a panel, found no such file; "},
        Refusal{"deterministic",
                "echo 1",
                {"dnn.yaml", "--ranks-per-node", "2", "--set", "parallel.tp=2", "--set",
                 "train.deterministic=true"},
                2,
                "train.deterministic: expected parallel.tp and parallel.pp of 1"},
        Refusal{"no_nodes", "echo 1", {"dnn.yaml", "--nodes", "0"}, 2, "--nodes"},
        Refusal{"percent", "echo 1", {"dnn.yaml", "--run-dir", "runs/a%j"}, 2, "without '%'"},
        Refusal{"no_config", "echo 1", {"absent.yaml"}, 6, "absent.yaml"}),
    [](const auto& param) { return param.param.name; });

TEST(Submit, ADryRunHasAJsonForm) {
  Site site;
  const auto text = site.submit({"dnn.yaml", "--dry-run"});
  const auto json = site.submit({"dnn.yaml", "--dry-run", "--json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto report = nlohmann::json::parse(json.out);
  EXPECT_EQ(report["command"].get<std::string>() + "\n", text.out);
  EXPECT_EQ(fs::path(report["run_folder"].get<std::string>()).filename(), "first");
}

TEST(Submit, ASiteFileThatIsNamedMustBeThere) {
  Site site;
  site.sbatch("echo 7");
  const auto result =
      test::run_program({test::precinct_program(), "submit", site / "dnn.yaml", "--dry-run"},
                        60'000, [] { ::setenv("PRECINCT_SITE_ENV", "/nowhere/site.env", 1); });
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, MatchesRegex("precinct: PRECINCT_SITE_ENV: expected a file [^\n]*, found "
                                       "none at '/nowhere/site.env'; [^\n]*\n"));
}

}  // namespace
}  // namespace precinct
