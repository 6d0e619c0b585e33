// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/learner.h"

#include <gtest/gtest.h>

#include "tests/support/small_run.h"
#include "tests/support/temporary_folder.h"

namespace precinct::train {
namespace {

using test::small_config;

struct Teaching {
  config::ExperimentConfig config;
  data::Panel panel = test::small_panel(120);
  data::GammaPoissonConstants constants;
  test::OneRank one;
  PhaseData data;
  Learner learner;
  explicit Teaching(const config::ExperimentConfig& c)
      : config(c),
        constants(data::choose_gamma_poisson(panel, {72, 96})),
        one(config),
        data(config, panel, {{0, 72}, {72, 96}}, constants, c10::kCPU),
        learner(config, data.context(), 10, 30, one.ranks) {}
  data::StepBatches batches(std::int64_t consumed, std::int64_t micro) const {
    data::BatchPrefetcher::Options options;
    options.micro_batch_size = micro;
    options.prefetch = 0;
    return data::BatchPrefetcher(data.series(), data.sampler(), consumed, options).next();
  }
};

double largest_difference(const models::NamedTensors& a, const models::NamedTensors& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, (a[i].second - b[i].second).abs().max().item<double>());
  return worst;
}

class Accumulation : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, Accumulation, testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Accumulation, MicroBatchesEqualOneBigBatch) {
  auto config = small_config(GetParam());
  config.model.dropout = 0.2;  // keyed by window, so that no split changes it
  config.train.optimizer.name = "sgd";
  config.train.optimizer.lr = 0.05;
  Teaching whole(config), parts(config);
  std::int64_t consumed = 0;
  for (std::int64_t step = 0; step < 4; ++step) {
    whole.learner.train_step(whole.batches(consumed, 0), step);
    const auto batches = parts.batches(consumed, 3);
    ASSERT_EQ(batches.micro_batches.size(), 3U);
    parts.learner.train_step(batches, step);
    consumed = batches.consumed_after;
  }
  EXPECT_LT(largest_difference(whole.learner.optimizer().parameters(),
                               parts.learner.optimizer().parameters()),
            1e-5);
  EXPECT_NEAR(whole.learner.take_losses().loss, parts.learner.take_losses().loss, 1e-5);
}

TEST(Learner, APlantedNaNLeavesTheWeightsAndIsCountedWhileTheNextGoodStepEndsTheRun) {
  Teaching s(small_config());
  const auto before = s.learner.forecast_weights();
  auto bad = s.batches(0, 0);
  bad.micro_batches[0].x_origin[0][0][0] = std::numeric_limits<float>::quiet_NaN();
  s.learner.train_step(bad, 0);
  s.learner.train_step(bad, 1);
  for (const auto& [name, tensor] : s.learner.forecast_weights())
    EXPECT_TRUE(torch::equal(tensor, before.at(name)));
  auto report = s.learner.guard().read();
  EXPECT_EQ(report.skipped, 2);
  EXPECT_FALSE(report.exhausted());
  s.learner.train_step(s.batches(0, 0), 2);
  s.learner.train_step(bad, 3);
  EXPECT_FALSE(s.learner.guard().read().exhausted());
  s.learner.train_step(bad, 4);
  s.learner.train_step(bad, 5);
  report = s.learner.guard().read();
  EXPECT_TRUE(report.exhausted());
  EXPECT_EQ(report.skipped, 5);
  EXPECT_EQ(report.last_bad_step, 5);
  EXPECT_TRUE(std::isfinite(s.learner.take_losses().loss));
}

TEST(Learner, NonFiniteTensorsAreNamed) {
  Teaching s(small_config());
  auto bad = s.batches(0, 0);
  bad.micro_batches[0].x_origin[0][0][0] = std::numeric_limits<float>::infinity();
  s.learner.backward_here(bad);
  const auto names = non_finite_tensors(s.learner.optimizer().parameters());
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names[0].rfind("gradient ", 0), 0U) << names[0];
}

TEST(Learner, SavesAndLoadsEverythingThatTheNextStepDependsOn) {
  auto config = small_config();
  config.train.ema_decay = 0.5;
  Teaching a(config), b(config);
  test::TemporaryFolder folder;
  a.learner.train_step(a.batches(0, 0), 0);
  a.learner.tensors().save(folder.path());
  b.learner.load(folder.path());
  b.learner.load_sums(a.learner.loss_sums(), a.learner.guard().state());
  a.learner.train_step(a.batches(8, 0), 1);
  b.learner.train_step(b.batches(8, 0), 1);
  const auto left = a.learner.forecast_weights(), right = b.learner.forecast_weights();
  for (const auto& [name, tensor] : left) EXPECT_TRUE(torch::equal(tensor, right.at(name))) << name;
  EXPECT_EQ(a.learner.loss_sums(), b.learner.loss_sums());
}

TEST(PhaseData, CursorOfAStepIsWhatTheSamplerConsumes) {
  Teaching s(small_config());
  std::int64_t consumed = 0;
  for (std::int64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(s.data.cursor_of(step), consumed);
    consumed += static_cast<std::int64_t>(s.data.sampler().global_batch(consumed).size());
  }
}

}  // namespace
}  // namespace precinct::train
