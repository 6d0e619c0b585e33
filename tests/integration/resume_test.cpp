// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A run of `precinct train` that is killed, stopped, damaged or out of room, and started again with
// the same command: it ends with the same bits as one that nobody disturbed.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/child_process.h"
#include "tests/support/folder_watch.h"
#include "tests/support/long_form.h"
#include "tests/support/small_project.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using test::FolderWatch;
using test::ProgramResult;
using test::Words;
using testing::HasSubstr;

const test::SmallProject& project() {
  static const test::SmallProject project;
  return project;
}

ProgramResult run(const Words& words, test::Watch watch = {},
                  const std::function<void()>& before_exec = {}) {
  return test::run_program(
      words, -1,
      [&] {
        test::use_one_thread();
        if (before_exec) before_exec();
      },
      std::move(watch));
}

/// The run of a model that nobody disturbs, made once.
fs::path undisturbed(const std::string& model) {
  static std::map<std::string, bool> made;
  const fs::path folder = project() / (model + "-undisturbed");
  if (!made[model]) {
    const auto result = run(project().train_words(model, model + "-undisturbed"));
    if (result.exit_code != 0) throw std::runtime_error(result.err);
    made[model] = true;
  }
  return folder;
}

/// All that a run leaves behind but times and the event files is what the undisturbed run left.
void expect_same_run(const fs::path& found, const std::string& model) {
  const fs::path expected = undisturbed(model);
  for (const char* file :
       {"artifact/model.safetensors", "artifact/MANIFEST.json", "metrics.jsonl", "evaluation.json",
        "config.yaml", "checkpoints/LATEST", "checkpoints/BEST"})
    EXPECT_TRUE(read_file(found / file) == read_file(expected / file)) << file;
}

/// Lets `words` run until `due` says so after something happened in the run folder, then sends the
/// signal.
ProgramResult run_until(const Words& words, const fs::path& folder, int signal,
                        const std::function<bool(const std::string& name)>& due,
                        const std::function<void()>& before_exec = {}) {
  fs::create_directories(folder / "checkpoints");
  const FolderWatch watch({folder, folder / "checkpoints"});
  return run(words,
             {watch.file(),
              [&] {
                for (const std::string& name : watch.names())
                  if (due(name)) return signal;
                return 0;
              }},
             before_exec);
}

ProgramResult run_until_step(const Words& words, const fs::path& folder, int signal,
                             std::int64_t step, const std::function<void()>& before_exec = {}) {
  return run_until(
      words, folder, signal,
      [&](const std::string& name) {
        return name == "metrics.jsonl" && test::last_step(folder / name).step >= step;
      },
      before_exec);
}

/// Left by a save that was cut off.
bool has_half_a_checkpoint(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints"))
    if (entry.path().filename().string().starts_with(".step-")) return true;
  return false;
}

class EachNetwork : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, EachNetwork, testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

/// Kills a run at five drawn steps, among them two while it saves and two in the refit phase, and
/// lets it end.
void kill_five_times(const std::string& model) {
  const auto lines = test::json_lines(undisturbed(model) / "metrics.jsonl");
  std::int64_t fit_steps = 0;
  const std::int64_t steps = lines.back().at("step");
  for (const auto& line : lines)
    if (line.at("phase") == "fit") fit_steps = line.at("step");
  ASSERT_GE(steps, fit_steps + 8) << "the refit phase is too short to be killed in";

  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low));
  };
  struct Moment {
    std::int64_t step;
    bool during_save;
  };
  const std::vector<Moment> moments = {{draw(1, fit_steps / 3), false},
                                       {draw(fit_steps / 3, fit_steps / 2), true},
                                       {draw(fit_steps / 2, fit_steps), false},
                                       {draw(fit_steps + 1, steps - 6), false},
                                       {draw(fit_steps + 1, steps - 4), true}};
  const std::string name = model + "-killed";
  const auto words = project().train_words(model, name);
  const fs::path folder = project() / name;
  fs::remove_all(folder);
  int half_saves = 0, in_refit = 0;
  std::string story = fmt::format("seed {}, {} + {} steps:", seed, fit_steps, steps - fit_steps);
  for (const Moment& moment : moments) {
    const auto result = run_until(words, folder, SIGKILL, [&](const std::string& file) {
      if (moment.during_save && file.starts_with(".step-"))
        return std::stoll(file.substr(6)) >= moment.step;
      return !moment.during_save && file == "metrics.jsonl" &&
             test::last_step(folder / file).step >= moment.step;
    });
    ASSERT_EQ(result.exit_code, 128 + SIGKILL) << story << " " << moment.step << "\n" << result.err;
    const auto died = test::last_step(folder / "metrics.jsonl");
    story += fmt::format(" {} ({}{})", died.step, died.phase, moment.during_save ? ", saving" : "");
    half_saves += has_half_a_checkpoint(folder);
    in_refit += died.phase == "refit";
  }
  std::cout << story << ", saves cut off: " << half_saves << "\n";
  EXPECT_GE(in_refit, 1);
  EXPECT_GE(half_saves, 1) << story;
  const auto last = run(words);
  ASSERT_EQ(last.exit_code, 0) << last.err;
  EXPECT_THAT(last.err, HasSubstr("resumed from step-"));
  expect_same_run(folder, model);
  EXPECT_EQ(test::names(folder), test::names(undisturbed(model))) << "nothing half-made is left";
}

TEST_P(EachNetwork, KilledFiveTimesAndStartedAgainEndsWithTheSameBits) {
  for (std::uint64_t round = 0, n = test::num_rounds(1, 4); round < n && !HasFatalFailure();
       ++round)
    kill_five_times(GetParam());
}

/// With two threads as well, although threads of the loader start beside them.
TEST_P(EachNetwork, WithTwoThreadsARunRepeatsAndAKilledOneEndsWithTheSameBits) {
  const auto two_threads = [] { ::setenv("OMP_NUM_THREADS", "2", 1); };
  std::map<std::string, int> bits;
  for (const char* name : {"undisturbed", "killed"}) {
    const fs::path folder = project() / fmt::format("{}-threads-{}", GetParam(), name);
    const auto words = project().train_words(  // wide enough for kernels with two threads
        GetParam(), folder.filename(), {"--set", "model.hidden=256"});
    if (name == std::string("killed")) {
      const auto killed = run_until_step(words, folder, SIGKILL, 9, two_threads);
      ASSERT_EQ(killed.exit_code, 128 + SIGKILL) << killed.err;
    }
    const auto ended = run(words, {}, two_threads);
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
    ++bits[sha256_file(folder / "artifact/model.safetensors") +
           read_file(folder / "metrics.jsonl")];
  }
  EXPECT_EQ(bits.size(), 1U);
}

/// A dnn run stopped by a signal in the middle, with several checkpoints; copied for each test.
fs::path stopped_run(const std::string& name) {
  static const bool made = [] {
    const auto result = run_until_step(project().train_words("dnn", "dnn-stopped"),
                                       project() / "dnn-stopped", SIGUSR1, /*step=*/14);
    if (result.exit_code != 75) throw std::runtime_error(result.err);
    return true;
  }();
  EXPECT_TRUE(made);
  fs::remove_all(project() / name);
  fs::copy(project() / "dnn-stopped", project() / name, fs::copy_options::recursive);
  return project() / name;
}

std::string latest(const fs::path& folder) {
  const std::string text = read_file(folder / "checkpoints" / "LATEST");
  return text.substr(0, text.find('\n'));
}

std::int64_t num_lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

/// Lines of stderr that are no log lines ("12:03:04 info text").
std::int64_t num_errors(const std::string& err) {
  std::int64_t count = 0;
  for (std::size_t at = 0; at < err.size(); at = err.find('\n', at) + 1)
    count += err.compare(at, 10, "precinct: ") == 0;
  return count;
}

TEST(Resume, ASignalSavesAndTheSameCommandGoesOn) {
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) {
    const std::string name = fmt::format("signal-{}", signal);
    const auto words = project().train_words("dnn", name);
    const fs::path folder = project() / name;
    const auto stopped = run_until_step(words, folder, signal, 6);
    EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
    EXPECT_EQ(stopped.out, "");
    EXPECT_EQ(num_lines(stopped.err), 1) << stopped.err;
    EXPECT_THAT(stopped.err, HasSubstr("run the same command again"));
    const auto saved = std::stoll(latest(folder).substr(5));
    EXPECT_EQ(test::last_step(folder / "metrics.jsonl").step, saved) << "saved where it stood";
    const auto resumed = run(words);
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr("resumed from " + fmt::format("step-{:09}", saved)));
    expect_same_run(folder, "dnn");
  }
}

TEST(Resume, ADamagedNewestCheckpointIsSetAsideNamedAndTheOneBeforeIsUsed) {
  struct Damage {
    const char* file;
    std::function<void(const fs::path&)> act;
  };
  const std::vector<Damage> damages = {
      {"model.safetensors",
       [](const fs::path& file) {
         std::string bytes = read_file(file);
         bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
         std::ofstream(file, std::ios::binary) << bytes;
       }},
      {"optimizer.safetensors",
       [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) - 1); }},
      {"state.json", [](const fs::path& file) { fs::remove(file); }}};
  for (const Damage& damage : damages) {
    const fs::path folder = stopped_run("damaged");
    const std::string newest = latest(folder);
    damage.act(folder / "checkpoints" / newest / damage.file);
    const auto result = run(project().train_words("dnn", "damaged"));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("warning checkpoint " + newest));
    EXPECT_THAT(result.err, HasSubstr(damage.file));
    EXPECT_TRUE(fs::exists(folder / "checkpoints" / (newest + ".bad"))) << "never deleted";
    expect_same_run(folder, "dnn");
  }
}

TEST(Resume, WhenNoCheckpointIsGoodTheRunEndsWithSevenAndNothingStartsFromZero) {
  const fs::path folder = stopped_run("all-damaged");
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints"))
    if (entry.is_directory()) fs::resize_file(entry.path() / "model.safetensors", 100);
  const std::string metrics = read_file(folder / "metrics.jsonl");
  for (int round = 0; round < 2; ++round) {  // the second time all are .bad already
    const auto result = run(project().train_words("dnn", "all-damaged"));
    EXPECT_EQ(result.exit_code, 7) << result.err;
    EXPECT_THAT(result.err, HasSubstr("--resume never"));
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(read_file(folder / "metrics.jsonl"), metrics);
    EXPECT_FALSE(fs::exists(folder / "artifact"));
  }
}

TEST(Resume, RequireNeedsACheckpointAndNeverStartsARunOfItsOwn) {
  const auto refused = run(project().train_words("dnn", "required", {"--resume", "require"}));
  EXPECT_EQ(refused.exit_code, 7) << refused.err;
  EXPECT_EQ(num_lines(refused.err), 1) << refused.err;
  EXPECT_FALSE(fs::exists(project() / "required"));

  const fs::path folder = stopped_run("required");
  const auto before = test::listing(folder);
  const auto fresh = run(project().train_words("dnn", "required/", {"--resume", "never"}));
  EXPECT_EQ(fresh.exit_code, 0) << fresh.err;
  expect_same_run(project() / "required-2", "dnn");
  EXPECT_EQ(test::listing(folder), before) << "the run of that name is left alone";

  const auto resumed = run(project().train_words("dnn", "required", {"--resume", "require"}));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  expect_same_run(folder, "dnn");
}

TEST(Resume, AnotherConfigurationIsRefusedWithItsKeysUnlessAllowed) {
  const fs::path folder = stopped_run("other-config");
  const auto before = test::listing(folder);
  const Words more = {"--set", "train.optimizer.lr=0.02"};
  const auto refused = run(project().train_words("dnn", "other-config", more));
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_EQ(num_lines(refused.err), 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("train.optimizer.lr"));
  EXPECT_THAT(refused.err, HasSubstr("0.02"));
  EXPECT_THAT(refused.err, HasSubstr("--allow-mismatch"));
  EXPECT_EQ(test::listing(folder), before);
  // what does not change a single bit may differ
  EXPECT_EQ(run(project().train_words(
                    "dnn", "other-config",
                    {"--set", "data.loader_threads=2", "--allow-mismatch", more[0], more[1]}))
                .exit_code,
            0);
}

TEST(Resume, AnotherPanelIsRefusedUnlessAllowed) {
  test::SmallProject other(121);
  const fs::path folder = stopped_run("other-panel");
  const Words more = {"--set", "data.panel=" + (other / "panel.h5").string()};
  const auto refused = run(project().train_words("dnn", "other-panel", more));
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_EQ(num_lines(refused.err), 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("panel"));
  EXPECT_THAT(refused.err, HasSubstr("--allow-mismatch"));
  const auto allowed = run(project().train_words(
      "dnn", "other-panel", {"--allow-mismatch", more[0], more[1], "--resume", "require"}));
  EXPECT_EQ(allowed.exit_code, 0) << allowed.err;
  EXPECT_THAT(allowed.err, HasSubstr("is of another panel"));
}

TEST(Resume, AFinishedRunPrintsItsTableAndChangesNothing) {
  const fs::path folder = undisturbed("crimenet");
  const auto words = project().train_words("crimenet", "crimenet-undisturbed");
  const auto before = test::names(folder);
  const std::string evaluation = read_file(folder / "evaluation.json");
  const auto written = fs::last_write_time(folder / "evaluation.json");
  const auto again = run(words);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("is finished"));
  EXPECT_THAT(again.out, HasSubstr("crimenet"));
  EXPECT_THAT(again.out, HasSubstr("gamma_poisson"));
  EXPECT_EQ(read_file(folder / "evaluation.json"), evaluation);
  EXPECT_EQ(fs::last_write_time(folder / "evaluation.json"), written);
  EXPECT_EQ(test::names(folder), before);
  auto other = words;
  other.insert(other.end(), {"--set", "model.hidden=8"});
  const auto refused = run(other);
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("model.hidden"));
}

TEST(Resume, AFinishedRunIsNotScoredWithOtherSettings) {
  const fs::path folder = undisturbed("crimenet");
  const auto before = test::listing(folder);
  const auto refused = run(
      project().train_words("crimenet", "crimenet-undisturbed", {"--set", "evaluate.stride=2"}));
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_EQ(num_lines(refused.err), 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("evaluate.stride: 2 instead of 1"));
  EXPECT_THAT(refused.err, HasSubstr("precinct evaluate"));
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(test::listing(folder), before);
  // The way that the message names.
  const auto baselines =
      run(project().train_words("baselines", "baselines-stride", {"--set", "evaluate.stride=2"}));
  ASSERT_EQ(baselines.exit_code, 0) << baselines.err;
  const auto scored =
      run({test::precinct_program(), "evaluate", project() / "baselines-stride", folder, "--json"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  EXPECT_NE(nlohmann::json::parse(scored.out).at("num_cells"),
            nlohmann::json::parse(read_file(folder / "evaluation.json")).at("num_cells"));
}

TEST(Resume, ARunThatWentOnWithOtherEvaluateKeysIsOfThoseThatItWasScoredWith) {
  stopped_run("scored-otherwise");
  const auto words =
      project().train_words("dnn", "scored-otherwise", {"--set", "evaluate.stride=2"});
  const auto resumed = run(words);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(run(words).exit_code, 0) << "config.yaml says so";
  EXPECT_EQ(run(project().train_words("dnn", "scored-otherwise")).exit_code, 2);
}

TEST(Resume, ASecondProcessInTheSameRunFolderIsRefusedAtOnce) {
  const fs::path folder = project() / "twice";
  const auto words = project().train_words("dnn", "twice");
  ProgramResult second;
  const auto first = run_until(words, folder, 0, [&](const std::string& name) {
    if (second.exit_code != 0 || name != "metrics.jsonl") return false;
    // held still, so that it cannot end before the second one looks
    const std::string owner = read_file(folder / ".lock");
    const pid_t holder = std::stoi(owner.substr(owner.rfind(' ')));
    ::kill(holder, SIGSTOP);
    second = run(words);
    ::kill(holder, SIGCONT);
    return false;
  });
  EXPECT_EQ(second.exit_code, 6) << second.err;
  EXPECT_EQ(num_lines(second.err), 1) << second.err;
  EXPECT_THAT(second.err, HasSubstr("in use by host "));
  EXPECT_THAT(second.err, HasSubstr("process "));
  EXPECT_EQ(first.exit_code, 0) << first.err;
  expect_same_run(folder, "dnn");
}

TEST(Resume, AFullDiskWhileSavingIsSixAndTheLastGoodCheckpointStays) {
  const fs::path disk = project() / "disk", kept = project() / "kept";
  fs::create_directories(disk);
  const auto words = project().train_words("dnn", "disk/run");
  std::string line;
  for (const auto& word : words) line += "'" + word + "' ";
  int with_checkpoint = 0;
  for (const int size : {100, 200, 300, 400}) {
    fs::remove_all(kept);
    // a small disk of its own, seen by the child only; its run folder is copied off it afterwards
    const std::string command =
        line + "; code=$?; cp -r " + (disk / "run").string() + " " + kept.string() + "; exit $code";
    const ProgramResult result = run({"/bin/sh", "-c", command}, {}, [&] {
      const std::string options = fmt::format("size={}k", size);
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("precinct", disk.c_str(), "tmpfs", 0, options.c_str()) != 0)
        ::_exit(99);
    });
    if (result.exit_code == 99) GTEST_SKIP() << "not run: mounting a small disk needs root";
    EXPECT_EQ(result.exit_code, 6) << size << result.err;
    EXPECT_EQ(num_errors(result.err), 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
    EXPECT_THAT(result.err, HasSubstr("free"));
    EXPECT_FALSE(has_half_a_checkpoint(kept)) << size << " KiB";
    if (!fs::exists(kept / "checkpoints" / "LATEST")) continue;
    ++with_checkpoint;
    const auto resumed = run(project().train_words("dnn", "kept", {"--resume", "require"}));
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    expect_same_run(kept, "dnn");
  }
  EXPECT_GE(with_checkpoint, 1);
}

TEST(Resume, AFileSizeLimitWhileSavingIsSixAndTheLastGoodCheckpointStays) {
  const fs::path folder = stopped_run("limited");
  const std::string newest = latest(folder);
  const auto result = run(project().train_words("dnn", "limited"), {}, [] {
    const rlimit limit{16'384, 16'384};  // metrics fit, the optimiser's state does not
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(result.exit_code, 6) << result.err;
  EXPECT_THAT(result.err, HasSubstr("File too large"));
  EXPECT_EQ(latest(folder), newest);
  EXPECT_FALSE(has_half_a_checkpoint(folder));
  const auto resumed = run(project().train_words("dnn", "limited"));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  expect_same_run(folder, "dnn");
}

TEST(Resume, KilledWhileTheArtifactIsWrittenTheNextStartWritesTheSame) {
  const fs::path folder = project() / "artifact-killed";
  const auto words = project().train_words("dnn", "artifact-killed");
  const auto killed = run_until(words, folder, SIGKILL, [](const std::string& name) {
    return name.starts_with(".artifact.part-");
  });
  EXPECT_EQ(killed.exit_code, 128 + SIGKILL);
  const auto last = run(words);
  EXPECT_EQ(last.exit_code, 0) << last.err;
  expect_same_run(folder, "dnn");
  EXPECT_EQ(test::names(folder), test::names(undisturbed("dnn"))) << "nothing half-made is left";
}

}  // namespace
}  // namespace precinct
