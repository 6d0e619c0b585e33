// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/experiment_config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/rng.h"
#include "tests/support/config_files.h"
#include "tests/support/long_form.h"

namespace precinct::config {
namespace {

using test::ConfigFiles;
using test::problems_in;
using test::problems_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ExperimentConfig, FilesAreMergedLeftToRightThenAssignments) {
  ConfigFiles files;
  const auto a = files.write(
      "a.yaml",
      "train: {epochs: 3, steps: 7}\ndata: {horizon: 2, split: {fractions: [0.5, 0.25, 0.25]}}\n");
  const auto b = files.write(
      "b.yaml",
      "train: {epochs: 4}\nmodel: {name: dnn}\ndata: {split: {fractions: [0.6, 0.2, 0.2]}}\n");
  ExperimentConfig c =
      load_experiment({a, b}, {"train.epochs=5", "train.optimizer.lr=0.5", "train.epochs=6"});
  EXPECT_EQ(c.train.epochs, 6);
  EXPECT_EQ(c.train.steps, 7);
  EXPECT_EQ(c.data.horizon, 2);
  EXPECT_EQ(c.model.name, "dnn");
  EXPECT_EQ(c.train.optimizer.lr, 0.5);
  EXPECT_THAT(c.data.split.fractions, ElementsAre(0.6, 0.2, 0.2));
  c = load_experiment({b, a});
  EXPECT_EQ(c.train.epochs, 3);
  EXPECT_THAT(c.data.split.fractions, ElementsAre(0.5, 0.25, 0.25));
}

TEST(ExperimentConfig, RelativePathsAreRelativeToTheFileThatNamesThem) {
  ConfigFiles files;
  const auto a = files.write("configs/city/a.yaml",
                             "data: {panel: ../../out/panel.h5}\nrun: {output: /abs/runs}\n");
  const auto b = files.write("other/b.yaml", "run: {name: x}\n");
  const ExperimentConfig c = load_experiment({a, b});
  EXPECT_EQ(c.data.panel, (files / "out/panel.h5").string());
  EXPECT_EQ(c.run.output, "/abs/runs");
  // An assignment and a default belong to the working folder.
  const ExperimentConfig d = load_experiment({b}, {"data.panel=x/panel.h5"});
  EXPECT_EQ(d.data.panel, (std::filesystem::current_path() / "x/panel.h5").string());
  EXPECT_EQ(d.run.output, (std::filesystem::current_path() / "runs").string());
  EXPECT_EQ(load_experiment({b}).data.panel, "");
}

TEST(ExperimentConfig, PathsComeFromTheEnvironment) {
  ConfigFiles files;
  ::setenv("PRECINCT_TEST_PANEL", "/data/p.h5", 1);
  ::unsetenv("PRECINCT_TEST_UNSET");
  const auto a = files.write("a.yaml",
                             "data: {panel: \"${PRECINCT_TEST_PANEL}\"}\ntrain: {epochs: "
                             "\"${PRECINCT_TEST_UNSET:-9}\"}\n");
  EXPECT_EQ(load_experiment({a}).data.panel, "/data/p.h5");
  EXPECT_EQ(load_experiment({a}).train.epochs, 9);
}

TEST(ExperimentConfig, SettingsWithoutEffectAreErrors) {
  const auto refused = [](const std::string& text, const std::string& key) {
    EXPECT_THAT(problems_in(text), ElementsAre(AllOf(HasSubstr("a.yaml:1: " + key + ": expected "),
                                                     HasSubstr("found"))));
  };
  refused("model: {name: dnn, num_heads: 8}\n", "model.num_heads");
  refused("model: {name: crimenet, attention: gatv2}\n", "model.attention");
  refused("model: {name: gat_tcn, num_layers: 3}\n", "model.num_layers");
  refused("model: {name: baselines, hidden: 64}\n", "model.hidden");
  refused("train: {optimizer: {momentum: 0.5}}\n", "train.optimizer.momentum");
  refused("train: {optimizer: {name: sgd, beta1: 0.5}}\n", "train.optimizer.beta1");
  refused("train: {schedule: {final_factor: 0.5}}\n", "train.schedule.final_factor");
  refused("train: {schedule: {name: cosine, step_epochs: 5}}\n", "train.schedule.step_epochs");
  refused("train: {schedule: {name: cosine, step_factor: 0.5}}\n", "train.schedule.step_factor");
  refused("train: {schedule: {name: step, plateau_patience: 5}}\n",
          "train.schedule.plateau_patience");
  refused("head: {point_loss: mae}\n", "head.point_loss");
  refused(
      "data: {split: {fractions: [0.6, 0.2, 0.2], train_bins: [0, 5], validation_bins: [5, 7], "
      "test_bins: [7, 9]}}\n",
      "data.split.fractions");
  EXPECT_THAT(
      problems_in("train: {schedule: {name: plateau, step_factor: 0.5, plateau_patience: 5}}\n"),
      IsEmpty());
  EXPECT_THAT(problems_in("head: {point_loss: mae, extra: [point], extra_weights: [1]}\n"),
              IsEmpty());
  // The default may be written down: a resolved file has every key.
  EXPECT_THAT(problems_in("model: {name: dnn, num_heads: 4}\n"), IsEmpty());
}

TEST(ExperimentConfig, RulesBetweenKeys) {
  const auto refused = [](const std::string& text, const std::string& key) {
    EXPECT_THAT(problems_in(text),
                ElementsAre(AllOf(HasSubstr(key + ": expected "), HasSubstr("found"))));
  };
  refused("model: {name: gat_tcn, hidden: 30, num_heads: 4}\n", "model.num_heads");
  refused("data: {split: {fractions: [0.5, 0.5]}}\n", "data.split.fractions");
  refused("data: {split: {train_bins: [0, 5], validation_bins: [5, 7]}}\n", "data.split.test_bins");
  refused("data: {split: {train_bins: [0, 5], validation_bins: [7, 5], test_bins: [7, 9]}}\n",
          "data.split.validation_bins");
  refused("data: {split: {train_bins: [0, 5, 6], validation_bins: [5, 7], test_bins: [7, 9]}}\n",
          "data.split.train_bins");
  refused("head: {extra: [point]}\n", "head.extra_weights");
  refused("train: {micro_batch_size: 128, global_batch_size: 64}\n", "train.micro_batch_size");
  refused("evaluate: {baselines: [ewma]}\n", "evaluate.reference");
  refused("train: {evaluate_every: 3 epochs}\n", "train.evaluate_every");
  refused("train: {checkpoint: {every: 0ep}}\n", "train.checkpoint.every");
  refused("train: {evaluate_every: 10min}\n", "train.evaluate_every");
  EXPECT_THAT(problems_in("train: {checkpoint: {every: 10min}}\n"), IsEmpty());
  refused("data: {split: {fractions: [0.5, 0.2, 0.2]}}\n", "data.split.fractions");
  refused("data: {split: {fractions: [0.8, 0.0, 0.2]}}\n", "data.split.fractions");
  EXPECT_THAT(problems_in("data: {split: {fractions: [0.7, 0.1, 0.2, 0.0]}}\n"), IsEmpty());
  refused("data: {split: {train_bins: [0, 6], validation_bins: [5, 7], test_bins: [7, 9]}}\n",
          "data.split.validation_bins");
  refused("data: {split: {train_bins: [0, 5], validation_bins: [5, 8], test_bins: [7, 9]}}\n",
          "data.split.test_bins");
  refused("model: {name: gat_tcn, num_blocks: 3}\n", "model.num_blocks");
  EXPECT_THAT(problems_in("model: {name: gat_tcn, num_blocks: 5}\n"), IsEmpty());
}

TEST(ExperimentConfig, KeysOfTrainingAndRanksAgree) {
  ExperimentConfig config;
  EXPECT_NO_THROW(require_that_keys_agree(config));
  config.train.deterministic = true;
  EXPECT_NO_THROW(require_that_keys_agree(config));
  config.parallel.pp = 2;
  EXPECT_THROW(require_that_keys_agree(config), ConfigError);
  config.parallel.pp = 1;
  config.train.micro_batch_size = 5;  // 64 windows in 12 parts: up to 6
  EXPECT_THROW(require_that_keys_agree(config), ConfigError);
  config.train.micro_batch_size = 6;
  EXPECT_NO_THROW(require_that_keys_agree(config));
  config.parallel.pp = 2;
  config.train.deterministic = false;
  EXPECT_NO_THROW(require_that_keys_agree(config));
  config.parallel.heartbeat_seconds = config.parallel.timeout_seconds;
  EXPECT_THROW(require_that_keys_agree(config), ConfigError);
}

TEST(ExperimentConfig, Durations) {
  const auto check = [](const char* text, Duration::Unit unit, double value) {
    const Duration d = Duration::parse(text);
    EXPECT_EQ(d.unit, unit) << text;
    EXPECT_DOUBLE_EQ(d.value, value) << text;
  };
  check("3ep", Duration::Unit::kEpochs, 3);
  check("0.5ep", Duration::Unit::kEpochs, 0.5);
  check("1000st", Duration::Unit::kSteps, 1000);
  check("2h", Duration::Unit::kSeconds, 7200);
  check("10min", Duration::Unit::kSeconds, 600);
  check("30s", Duration::Unit::kSeconds, 30);
  for (const char* text : {"", "3", "ep", "-1ep", "0st", "infh", "nans", "3 ep", "3epx", "1e999h"})
    EXPECT_THROW(Duration::parse(text), ConfigError) << text;
}

TEST(ExperimentConfig, RunNameIsGivenOrComesFromTheHash) {
  ExperimentConfig c;
  EXPECT_EQ(run_name(c), "gat_tcn-" + training_hash(c).substr(0, 10));
  c.run.name = "mine";
  EXPECT_EQ(run_name(c), "mine");
}

TEST(ExperimentConfig, ShippedConfigurationsLoad) {
  const auto root = std::filesystem::path(PRECINCT_SOURCE_DIR) / "configs";
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".yaml" || entry.path().parent_path().filename() == "sources")
      continue;
    EXPECT_THAT(problems_of({entry.path()}), IsEmpty()) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 10);
}

TEST(ExperimentConfig, ThousandMutationsNeverCrash) {
  constexpr std::uint64_t kSeed = 20260314;
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  ConfigFiles files;
  const std::string whole =
      "run: {name: x, seed: 3}\ndata:\n  panel: ../p.h5\n  lookback: 28\n  split: {fractions: "
      "[0.7, 0.1, 0.2]}\n"
      "model: &m {name: dnn, hidden: 32}\ntrain:\n  epochs: 15\n  optimizer: {lr: 1.0e-3}\n  "
      "checkpoint: {every: 1ep}\n"
      "evaluate: {baselines: [ewma, gamma_poisson]} # x\nlog: {every: 5}\n";
  const std::string pieces[] = {
      "{",        "}",    "[",     "]",     ":",      ": ",   "\n",
      "  ",       "&a ",  "*a",    "*m",    "!!int ", "\"",   "'",
      "|\n",      ">-\n", "---\n", "? ",    "- ",     "${",   "${HOME}",
      "#",        "%",    "\t",    "1e400", "-",      "\xff", std::string(1, '\0'),
      "<<: *m\n", ","};
  int loaded = 0, refused = 0;
  for (std::uint64_t i = 0, n = test::num_rounds(1000); i < n; ++i) {
    const std::uint64_t key = mix(kSeed, i);
    std::string text = whole;
    const std::uint64_t edits = 1 + uniform_index(key, 0, 4);
    for (std::uint64_t e = 0; e < edits; ++e) {
      const std::size_t at = uniform_index(key, 10 * e + 1, text.size());
      switch (uniform_index(key, 10 * e + 2, 4)) {
        case 0:
          text[at] = static_cast<char>(uniform_index(key, 10 * e + 3, 256));
          break;
        case 1:
          text.erase(at, 1 + uniform_index(key, 10 * e + 3, 9));
          break;
        case 2:
          text.insert(at, pieces[uniform_index(key, 10 * e + 3, std::size(pieces))]);
          break;
        default:
          text.insert(at, text.substr(uniform_index(key, 10 * e + 3, text.size()), 20));
      }
      if (text.empty()) text = " ";
    }
    std::ofstream(files / "m.yaml", std::ios::binary) << text;
    const auto problems = problems_of({files / "m.yaml"});
    problems.empty() ? ++loaded : ++refused;
    for (const auto& line : problems) {
      EXPECT_FALSE(line.empty()) << i;
      EXPECT_EQ(line.find_first_of(std::string("\0\t\r", 3)), std::string::npos)
          << i << ": " << line;
    }
  }
  // Both kinds must occur, or the mutations say nothing.
  EXPECT_GT(loaded, 5);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace precinct::config
