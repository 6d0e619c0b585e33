// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Real rounds on two ranks: honest ones, and ones with a fault planted in one rank.
#include "scaling/run_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "scaling/speedup.h"
#include "tests/parallel/ranks.h"
#include "tests/support/small_run.h"

namespace precinct::scaling {
namespace {

using parallel::World;
using test::run_ranks;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;

MatrixOptions two_rounds(RunProbe* probe = nullptr) {
  MatrixOptions options;
  options.layouts = {"dp2", "tp2", "pp2"};
  options.rounds = 2;
  options.steps = 3;
  options.cores = {0, 1};
  options.probe = probe;
  return options;
}

const Row& row_named(const std::vector<Row>& rows, const std::string& name) {
  return *std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
}

class EachNetworkInRounds : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, EachNetworkInRounds,
                         testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EachNetworkInRounds, EveryLayoutTakesTheStepsOfTheSerialRun) {
  const std::string model = GetParam();
  run_ranks(2, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    auto config = test::small_config(model);
    config.model.dropout = 0.1;
    const auto m = measure(config, panel, "panel-hash", world, two_rounds());
    if (world.rank() != 0) {
      EXPECT_THAT(m.runs, IsEmpty());
      return;
    }
    EXPECT_EQ(m.rounds, 2);
    EXPECT_THAT(invalid_rows(m), IsEmpty());
    const auto rows = rows_of(m);
    for (const char* name : {"serial", "dp2", "tp2", "pp2"}) {
      const Row& row = row_named(rows, name);
      EXPECT_TRUE(row.is_valid()) << name;
      EXPECT_EQ(row.check.num_steps, 9U) << name;  // two to warm up, one to settle, six timed
      EXPECT_EQ(row.num_ranks, name == std::string("serial") ? 1 : 2);
      EXPECT_GT(row.step.low, 0) << name;
    }
    for (const RunTimes& run : m.runs) {
      EXPECT_EQ(run.ranks.size(), run.layout.dp * run.layout.tp * run.layout.pp) << run.name;
      for (const RankTimes& rank : run.ranks) {
        EXPECT_EQ(rank.total.size(), 6U);
        EXPECT_THAT(rank.total, Each(testing::Gt(0)));
        for (std::size_t i = 0; i < rank.total.size(); ++i)
          EXPECT_LE(rank.data[i] + rank.waiting[i], rank.total[i]) << run.name;
        for (const double waiting : rank.waiting)
          EXPECT_EQ(waiting > 0, run.ranks.size() > 1) << run.name << " " << waiting;
      }
    }
    // the loss (4 bytes), the gradients and a flag each: what docs/parallel.md counts for dp
    EXPECT_GE(row_named(rows, "dp2").bytes_per_step, 4 * static_cast<double>(m.num_parameters));
    EXPECT_LE(row_named(rows, "dp2").bytes_per_step,
              4 * static_cast<double>(m.num_parameters) + 2000);
    EXPECT_EQ(row_named(rows, "serial").bytes_per_step, 0);
  });
}

/// Rank 1's gradients of one layout are taken `factor` times.
class WrongGradient final : public RunProbe {
 public:
  WrongGradient(int rank, std::string run, double factor)
      : rank_(rank), run_(std::move(run)), factor_(factor) {}
  void on_built(const std::string& run, train::Learner& learner) override {
    if (rank_ != 1 || run != run_) return;
    for (auto& parameter : learner.model().parameters())
      if (parameter.requires_grad())
        parameter.register_hook(
            [factor = factor_](const torch::Tensor& gradient) { return factor * gradient; });
  }

 private:
  int rank_;
  std::string run_;
  double factor_;
};

class EachLayoutWithAWrongGradient
    : public testing::TestWithParam<std::tuple<const char*, double>> {};
INSTANTIATE_TEST_SUITE_P(Layouts, EachLayoutWithAWrongGradient,
                         testing::Combine(testing::Values("dp2", "tp2", "pp2"),
                                          testing::Values(2.0, -1.0)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) < 0 ? "_turned" : "_doubled");
                         });

TEST_P(EachLayoutWithAWrongGradient, ItsRowIsInvalidAndTheOthersAreNot) {
  const auto& [name, factor] = GetParam();
  const std::string layout = name;
  run_ranks(2, [&, factor = factor](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    WrongGradient probe(world.rank(), layout, factor);
    const auto m =
        measure(test::small_config("dnn"), panel, "panel-hash", world, two_rounds(&probe));
    if (world.rank() != 0) return;
    EXPECT_THAT(invalid_rows(m), testing::ElementsAre(HasSubstr(": " + layout + ": ")));
    for (const Row& row : rows_of(m)) {
      EXPECT_EQ(row.is_valid(), row.name != layout) << row.name;
      EXPECT_EQ(row.speedup.has_value(), row.name != layout) << row.name;
    }
  });
}

/// Rank 1 takes 40 ms longer to load a batch of dp2.
class SlowLoad final : public RunProbe {
 public:
  explicit SlowLoad(int rank) : rank_(rank) {}
  void on_load(const std::string& run, std::int64_t) override {
    if (rank_ == 1 && run == "dp2") std::this_thread::sleep_for(std::chrono::milliseconds(40));
  }

 private:
  int rank_;
};

TEST(RunMatrix, AnotherRanksSleepIsNamedWithItsPhase) {
  run_ranks(2, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    SlowLoad probe(world.rank());
    auto options = two_rounds(&probe);
    options.layouts = {"dp2"};
    const auto m = measure(test::small_config("dnn"), panel, "panel-hash", world, options);
    if (world.rank() != 0) return;
    EXPECT_THAT(invalid_rows(m), IsEmpty());
    const auto stragglers = row_named(rows_of(m), "dp2").stragglers;
    ASSERT_EQ(stragglers.size(), 1U);
    EXPECT_EQ(stragglers[0].rank, 1U);
    EXPECT_EQ(stragglers[0].phase, "load batch");
    EXPECT_GE(stragglers[0].seconds, 0.035);
    EXPECT_THAT(sentences(m).at(0), HasSubstr("is slow in 'load batch'"));
  });
}

TEST(RunMatrix, ALayoutThatTheNetworkRefusesIsListedAndTheRestIsMeasured) {
  run_ranks(2, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    auto config = test::small_config("gat_tcn");
    config.model.num_heads = 1;
    const auto m = measure(config, panel, "panel-hash", world, two_rounds());
    if (world.rank() != 0) return;
    const auto rows = rows_of(m);
    EXPECT_THAT(row_named(rows, "tp2").refused, HasSubstr("model.num_heads"));
    EXPECT_TRUE(row_named(rows, "dp2").is_valid());
    EXPECT_TRUE(row_named(rows, "pp2").is_valid());
    EXPECT_THAT(invalid_rows(m), IsEmpty());
  });
}

TEST(RunMatrix, CountsTheCoresOfAllRanksAndTheWindowsThatThereAre) {
  run_ranks(2, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    auto config = test::small_config("dnn");
    config.train.global_batch_size = 4096;  // more than the panel has
    auto options = two_rounds();
    options.cores = {world.rank()};  // as where each task is bound to its own
    options.layouts = {"dp2"};
    const auto m = measure(config, panel, "panel-hash", world, options);
    if (world.rank() != 0) return;
    EXPECT_EQ(m.cores, 2);
    const RunTimes &serial = m.runs.front(), &dp2 = m.runs.back();
    EXPECT_LT(serial.windows_per_step, 90);
    EXPECT_EQ(serial.windows_per_step, static_cast<double>(serial.micro_batch));
    EXPECT_EQ(dp2.windows_per_step, serial.windows_per_step);
    EXPECT_EQ(dp2.micro_batch, (serial.micro_batch + 1) / 2);
    EXPECT_THAT(sentences(m).front(), testing::Not(HasSubstr("Oversubscribed")));
  });
}

TEST(RunMatrix, RoundsEndWithTheTimeThatTheyMayTake) {
  run_ranks(2, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    auto options = two_rounds();
    options.rounds = 1000;
    options.seconds = 1e-9;
    const auto m = measure(test::small_config("dnn"), panel, "panel-hash", world, options);
    if (world.rank() == 0) {
      EXPECT_EQ(m.rounds, 1);
    }
  });
}

TEST(RunMatrix, RanksWithOtherConfigurationsAreRefused) {
  run_ranks(2, [&](World& world) {
    const auto panel = test::small_panel(90, 2, 2);
    auto config = test::small_config("dnn");
    config.run.seed = static_cast<std::uint64_t>(world.rank()) + 1;
    EXPECT_THAT(test::error_of<ConfigError>(
                    [&] { measure(config, panel, "panel-hash", world, two_rounds()); }),
                HasSubstr("configuration (sha256)"));
  });
}

/// One process: what there is without ranks.
TEST(RunMatrix, AWorldOfOneMeasuresTheRunsInOneProcess) {
  const auto world = parallel::connect(parallel::ProcessContext());
  auto options = two_rounds();
  options.layouts = {};
  const auto m = measure(test::small_config("dnn"), test::small_panel(90, 2, 2), "panel-hash",
                         *world, options);
  EXPECT_EQ(m.trials.size(), 2U);
  EXPECT_EQ(m.runs.front().name, "serial");
  EXPECT_THAT(sentences(m), IsEmpty());
}

}  // namespace
}  // namespace precinct::scaling
