// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Every layout takes the steps of one process.
#include "train/parallelize.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "base/error.h"
#include "tests/parallel/ranks.h"
#include "tests/support/shared_steps.h"
#include "tests/support/temporary_folder.h"

namespace precinct::train {
namespace {

using parallel::World;
using test::relative_difference;
using test::run_ranks;
using test::SharedSteps;
using testing::HasSubstr;

struct Row {
  const char* model;
  int dp = 1, tp = 1, pp = 1;
  bool is_double = false;
  int ranks() const { return dp * tp * pp; }
  std::string layout() const {
    std::string text;
    for (const auto& [name, size] : {std::pair{"dp", dp}, {"tp", tp}, {"pp", pp}})
      if (size > 1) text += fmt::format("{}{}{}", text.empty() ? "" : "_", name, size);
    return text.empty() ? "serial" : text;
  }
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.model << " " << row.layout(); }

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const char* model : {"dnn", "crimenet", "gat_tcn"}) {
    for (const Row& one :
         {Row{model, 1, 1}, Row{model, 2, 1}, Row{model, 3, 1}, Row{model, 4, 1}, Row{model, 1, 2},
          Row{model, 2, 2}, Row{model, 1, 4}, Row{model, 1, 1, 2}, Row{model, 1, 1, 3},
          Row{model, 2, 1, 2}, Row{model, 1, 2, 2}}) {
      rows.push_back(one);
      rows.push_back(one);
      rows.back().is_double = true;
    }
  }
  return rows;
}

class ParityMatrix : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Layouts, ParityMatrix, testing::ValuesIn(all_rows()),
                         [](const auto& info) {
                           return fmt::format("{}_{}_{}", info.param.model, info.param.layout(),
                                              info.param.is_double ? "f64" : "f32");
                         });

config::ExperimentConfig config_of(const Row& row) {
  auto config = test::config_of_steps(row.model);
  config.parallel.bucket_mb = 0.001;  // several buckets
  config.model.num_heads = 4;
  return config;
}

TEST_P(ParityMatrix, FiftyStepsAreThoseOfOneProcess) {
  const Row row = GetParam();
  run_ranks(row.ranks(), [&row](World& world) {
    if (row.is_double) torch::set_default_dtype(caffe2::TypeMeta::Make<double>());
    const double tolerance = row.is_double ? 1e-12 : 1e-5;
    const auto panel = test::small_panel_with_gaps();
    auto config = config_of(row);
    test::OneRank one(config);
    config.parallel.tp = row.tp;
    config.parallel.pp = row.pp;
    config.parallel.num_micro_batches = row.pp > 1 ? 3 : 1;
    config.parallel.schedule = row.dp > 1 ? "gpipe" : "1f1b";
    Ranks ranks(world, config);
    SharedSteps shared(config, panel, ranks);
    std::vector<double> losses;
    for (int step = 0; step < 50; ++step) losses.push_back(shared.step());
    const auto weights = shared.weights();
    if (!ranks.leads()) return;
    SharedSteps serial(config, panel, one.ranks);
    double loss = 0;
    for (const double found : losses) {
      const double expected = serial.step();
      loss = std::max(loss, std::abs(found - expected) / std::abs(expected));
    }
    const double weight = relative_difference(weights, serial.weights());
    std::printf("row: %-8s %-7s %s, 50 steps: loss %.1e, weights %.1e (largest, <= %.0e)\n",
                row.model, row.layout().c_str(), row.is_double ? "f64" : "f32", loss, weight,
                tolerance);
    EXPECT_LE(loss, tolerance);
    EXPECT_LE(weight, tolerance);
  });
}

class EachNetworkInParts : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, EachNetworkInParts,
                         testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

/// What a rank holds is smaller than the network; what it saves is the network.
TEST_P(EachNetworkInParts, SavesTheWholeNetworkAndReadsItBackInAnyLayout) {
  const std::string model = GetParam();
  for (const bool split_units : {true, false})
    run_ranks(2, [&](World& world) {
      const auto panel = test::small_panel_with_gaps();
      auto config = test::config_of_steps(model);
      config.train.ema_decay = 0.5;
      test::OneRank one(config);
      (split_units ? config.parallel.tp : config.parallel.pp) = 2;
      Ranks ranks(world, config);
      SharedSteps shared(config, panel, ranks), again(config, panel, ranks);
      for (int step = 0; step < 3; ++step) shared.step();
      std::int64_t held = 0, all = 0;
      for (const auto& [name, tensor] : shared.learner().optimizer().parameters())
        held += tensor.numel();
      const auto saved = shared.learner().tensors();
      for (const auto& [name, tensor] : saved.model) all += tensor.numel();
      EXPECT_GT(held, 0);
      EXPECT_LT(held, all);
      const auto folder = test::shared_folder() / std::to_string(world.rank());
      std::filesystem::create_directory(folder);
      saved.save(folder);
      again.learner().load(folder);
      const auto back = again.learner().tensors();
      for (std::size_t i = 0; i < saved.model.size(); ++i)
        EXPECT_TRUE(torch::equal(back.model[i].second, saved.model[i].second));
      for (std::size_t i = 0; i < saved.optimizer.size(); ++i)
        EXPECT_TRUE(torch::equal(back.optimizer[i].second, saved.optimizer[i].second));
      EXPECT_EQ(saved.model.size(), models::named_tensors(shared.learner().model()).size());
      SharedSteps serial(config, panel, one.ranks);
      serial.learner().load(folder);
      EXPECT_EQ(relative_difference(serial.weights(), saved.model), 0);
    });
}

TEST(Parallelize, UnitsThatCannotBeSharedOutAreRefusedWithBothKeys) {
  run_ranks(3, [](World& world) {
    const auto panel = test::small_panel_with_gaps();
    for (const auto& [model, key] : {std::pair{"dnn", "model.hidden"},
                                     {"crimenet", "model.hidden"},
                                     {"gat_tcn", "model.num_heads"}}) {
      auto config = test::config_of_steps(model);
      config.parallel.tp = 3;
      Ranks ranks(world, config);
      const auto text = test::error_of<ConfigError>([&] { SharedSteps(config, panel, ranks); });
      EXPECT_THAT(text, HasSubstr("parallel.tp"));
      EXPECT_THAT(text, HasSubstr(key));
    }
  });
}

}  // namespace
}  // namespace precinct::train
