// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/field_printers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "config/field_visitor.h"
#include "tests/support/config_files.h"
#include "tests/support/other_values.h"

namespace precinct::config {
namespace {

TEST(FieldPrinters, DocumentedKeysAreThoseOfTheProgram) {
  const auto file = std::filesystem::path(PRECINCT_SOURCE_DIR) / "docs/configuration.md";
  EXPECT_EQ(read_file(file), reference_markdown())
      << "docs/configuration.md is old; write it with: precinct config reference > "
         "docs/configuration.md";
}

TEST(FieldPrinters, ReferenceHasALineForEveryKey) {
  const std::string text = reference_markdown();
  for (const auto& [key, value] : printed_values({}))
    EXPECT_THAT(text, ::testing::HasSubstr("| `" + key + "` | `" + value + "` | ")) << key;
}

TEST(FieldPrinters, ResolvedFileReadsBack) {
  test::ConfigFiles files;
  const auto source = files.write(
      "some/a.yaml",
      "run: {name: \"a: b # c\", seed: 18446744073709551615}\n"
      "data: {panel: ../panel.h5, split: {train_bins: [0, 9], validation_bins: [9, 12], "
      "test_bins: [12, 20]}}\n"
      "input: {ewma_half_lives: [0.1, 3.3333333333333335, 1e6]}\n"
      "model: {name: dnn, dropout: 0.1}\nhead: {extra: [point], extra_weights: [0.25]}\n"
      "train: {optimizer: {lr: 1.0e-7}, checkpoint: {every: 10min}}\n");
  const ExperimentConfig config = load_experiment({source});
  const std::string text = to_yaml(config);
  // Wherever the resolved file is written, and whatever folder is current.
  const auto first = files.write("runs/x/config.yaml", text),
             second = files.write("config.yaml", text);
  EXPECT_EQ(printed_values(load_experiment({first})), printed_values(config));
  EXPECT_EQ(to_yaml(load_experiment({second})), text);
  EXPECT_EQ(training_hash(load_experiment({first})), training_hash(config));
  EXPECT_EQ(config.input.ewma_half_lives[1], 3.3333333333333335);
  EXPECT_EQ(config.run.seed, 18446744073709551615ULL);
}

TEST(FieldPrinters, DefaultsReadBack) {
  test::ConfigFiles files;
  const ExperimentConfig config = load_experiment({});
  EXPECT_EQ(to_yaml(load_experiment({files.write("a.yaml", to_yaml(config))})), to_yaml(config));
}

TEST(FieldPrinters, HashChangesWithTheKeysThatInfluenceTrainingAlone) {
  const std::string before = training_hash({});
  for (const auto& [info, value] : test::other_values()) {
    ExperimentConfig config;
    test::set_field(config, info.key, value);
    EXPECT_EQ(training_hash(config) != before, info.influences_training) << info.key;
  }
}

TEST(FieldPrinters, KeysThatDoNotInfluenceTraining) {
  std::vector<std::string> quiet;
  for (const auto& [info, value] : test::other_values())
    if (!info.influences_training) quiet.push_back(info.key);
  EXPECT_THAT(
      quiet,
      ::testing::UnorderedElementsAre(
          "run.name", "run.output", "run.device", "data.panel", "data.mode", "data.loader_threads",
          "data.prefetch", "data.verify", "train.checkpoint.every", "train.checkpoint.keep_last",
          "parallel.dp", "parallel.tp", "parallel.pp", "parallel.num_micro_batches",
          "parallel.schedule", "parallel.backend", "parallel.bucket_mb", "parallel.check",
          "parallel.timeout_seconds", "parallel.heartbeat_seconds", "evaluate.origins",
          "evaluate.stride", "evaluate.baselines", "evaluate.reference", "evaluate.bootstrap.block",
          "evaluate.bootstrap.replicates", "evaluate.bootstrap.seed", "log.tensorboard",
          "log.jsonl", "log.every"));
}

TEST(FieldPrinters, HashDoesNotDependOnWhereTheProjectLies) {
  test::ConfigFiles files;
  const std::string text = "data: {panel: ../out/city/panel.h5}\nmodel: {name: dnn}\n";
  const auto hash = [&](const std::string& name) {
    return training_hash(load_experiment({files.write(name, text)}));
  };
  EXPECT_EQ(hash("here/configs/a.yaml"), hash("moved/elsewhere/configs/b.yaml"));
}

}  // namespace
}  // namespace precinct::config
