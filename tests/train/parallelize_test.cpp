// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Every layout takes the steps of one process.
#include "train/parallelize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "tests/parallel/c10d_ordered_backend.h"
#include "tests/parallel/ranks.h"
#include "tests/support/long_form.h"
#include "tests/support/shared_steps.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/parity_matrix.h"

namespace precinct::train {
namespace {

using parallel::World;
using test::ParityRow;
using test::relative_difference;
using test::run_ranks;
using test::SharedSteps;
using testing::HasSubstr;

TEST(ParityOfRanks, SeesWhatIsNoNumber) {
  const auto whole = torch::ones({3});
  auto broken = whole.clone();
  broken[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(relative_difference({{"w", whole}}, {{"w", whole}}), 0);
  EXPECT_FALSE(relative_difference({{"w", broken}, {"v", whole}}, {{"w", whole}, {"v", whole}}) <
               1);
  EXPECT_FALSE(relative_difference({{"w", whole}}, {{"w", broken}}) < 1);
}

/// A network in a layout; its rows of both types are run one after the other by the same ranks.
class ParityMatrix : public testing::TestWithParam<ParityRow> {
 public:
  static std::vector<ParityRow> rows_of_floats() {
    auto rows = test::parity_rows();
    std::erase_if(rows, [](const ParityRow& row) { return row.is_double; });
    return rows;
  }
};
INSTANTIATE_TEST_SUITE_P(Layouts, ParityMatrix, testing::ValuesIn(ParityMatrix::rows_of_floats()),
                         [](const auto& info) {
                           return fmt::format("{}_{}", info.param.model, info.param.layout());
                         });

TEST_P(ParityMatrix, FiftyStepsAreThoseOfOneProcess) {
  if (GetParam().tp == 4 && std::string(GetParam().model) != "dnn" && !test::is_long_form())
    GTEST_SKIP() << "not run: half a minute of small messages; scripts/test --long runs it";
  test::RankOptions options;
  options.connect.connect_alone = true;
  run_ranks(
      GetParam().ranks(),
      [](World& world) {
        EXPECT_STREQ(world.communicator().backend(), "gloo");
        for (const bool is_double : {false, true}) {
          ParityRow row = GetParam();
          row.is_double = is_double;
          // alone: not even rounding may differ
          const double tolerance = row.is_alone() ? 0 : is_double ? 1e-12 : 1e-5;
          test::expect_steps_of_one_process(world, row, "gloo", "cpu", tolerance);
        }
      },
      options);
}

/// The same over a backend that keeps NCCL's rules for messages, streams and waits.
class OrderedParityMatrix : public testing::TestWithParam<ParityRow> {};
INSTANTIATE_TEST_SUITE_P(Layouts, OrderedParityMatrix,
                         testing::Values(ParityRow{"gat_tcn"}, ParityRow{"dnn", 2},
                                         ParityRow{"crimenet", 1, 2}, ParityRow{"gat_tcn", 1, 1, 2},
                                         ParityRow{"dnn", 1, 1, 3}, ParityRow{"dnn", 2, 1, 2}),
                         [](const auto& info) { return info.param.name(); });

TEST_P(OrderedParityMatrix, FiftyStepsAreThoseOfOneProcess) {
  const ParityRow row = GetParam();
  test::use_ordered_backend();
  test::RankOptions options;
  options.connect.connect_alone = true;
  options.connect.device_index = 0;
  run_ranks(
      row.ranks(),
      [&row](World& world) {
        EXPECT_STREQ(world.communicator().backend(), "nccl");
        test::expect_steps_of_one_process(world, row, "stand-in for nccl", "cpu",
                                          row.is_alone() ? 0 : 1e-5);
        world.shutdown();
        for (const std::string& end : test::ends_of_ordered_backends())
          EXPECT_THAT(end, testing::StartsWith("shutdown"));
      },
      options);
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
