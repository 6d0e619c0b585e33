// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
//
// CUDA against CPU; run by scripts/test --gpu, listed as not run where there is no GPU.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

#include "apps/cuda_library.h"
#include "kernels/window_gather.h"
#include "tests/support/made_batch.h"
#include "tests/support/network_steps.h"
#include "tests/support/small_project.h"
#include "train/training_device.h"

namespace precinct {
namespace {

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!apps::why_no_gpu().empty()) GTEST_SKIP() << "not run: no GPU: " << apps::why_no_gpu();
  }
};

struct GatherCase {
  const char* name;
  torch::ScalarType type;
  std::int64_t bins, nodes, categories, lookback, windows, largest;
};
class GpuWindowGather : public Gpu, public testing::WithParamInterface<GatherCase> {};
INSTANTIATE_TEST_SUITE_P(
    Shapes, GpuWindowGather,
    testing::Values(GatherCase{"u8", torch::kUInt8, 200, 69, 3, 28, 64, 255},
                    GatherCase{"u8_one_category", torch::kUInt8, 50, 7, 1, 5, 3, 255},
                    GatherCase{"u8_two_categories", torch::kUInt8, 50, 33, 2, 8, 9, 255},
                    GatherCase{"u8_many_categories", torch::kUInt8, 40, 5, 7, 9, 4, 255},
                    GatherCase{"u8_one_window", torch::kUInt8, 30, 1, 1, 1, 1, 255},
                    GatherCase{"u8_no_window", torch::kUInt8, 30, 4, 2, 3, 0, 255},
                    GatherCase{"u8_whole_series", torch::kUInt8, 300, 98, 4, 300, 1, 255},
                    GatherCase{"u8_more_windows_than_a_grid", torch::kUInt8, 40, 1, 1, 1, 70000,
                               255},
                    GatherCase{"u16", torch::kUInt16, 100, 69, 3, 28, 16, 65535},
                    GatherCase{"u16_four_categories", torch::kUInt16, 60, 98, 4, 14, 8, 40000},
                    GatherCase{"i32", torch::kInt32, 100, 69, 3, 28, 16, 100000}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(GpuWindowGather, EqualsTheCpuBitForBit) {
  const GatherCase& c = GetParam();
  auto generator = test::made_generator(17);
  const auto counts =
      torch::randint(0, c.largest + 1, {c.bins, c.nodes, c.categories}, generator, torch::kInt64)
          .to(c.type);
  const auto table = torch::randn({c.largest + 1, c.categories}, generator);
  const auto origins =
      torch::randint(c.lookback, c.bins + 1, {c.windows}, generator, torch::kInt64);
  const auto expected = kernels::window_gather(counts, table, origins, c.lookback);
  const auto found = kernels::window_gather(counts.to(torch::kCUDA), table.to(torch::kCUDA),
                                            origins.to(torch::kCUDA), c.lookback);
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_TRUE(found.is_cuda());
  EXPECT_TRUE(torch::equal(found.cpu().view(torch::kInt32), expected.view(torch::kInt32)));
}

TEST_F(Gpu, WindowGatherRefusesTensorsOfTwoDevices) {
  const auto counts = torch::zeros({9, 2, 2}, torch::TensorOptions(torch::kUInt8)).cuda();
  const auto table = torch::zeros({256, 2});
  const auto origins = torch::full({1}, 5, torch::kInt64);
  EXPECT_THROW(kernels::window_gather(counts, table, origins.cuda(), 3), c10::Error);
  EXPECT_THROW(kernels::window_gather(counts, table.cuda(), origins, 3), c10::Error);
}

TEST_F(Gpu, BatchesEqualThoseOfTheCpuBitForBitWhereverTheSeriesLives) {
  const auto panel = test::small_panel_with_gaps();
  auto config = test::config_of_steps("dnn");
  const auto batch_on = [&](torch::Device device, const char* mode) {
    config.data.mode = mode;
    const test::SmallLearner small(config, panel, device);
    EXPECT_EQ(small.data().series().home().type(),
              std::string(mode) == "resident_host" ? torch::kCPU : device.type());
    return small.batches(0).micro_batches.at(0);
  };
  const auto expected = batch_on(torch::kCPU, "auto");
  for (const char* mode : {"auto", "resident_device", "resident_host"}) {
    const auto found = batch_on(torch::Device(torch::kCUDA, 0), mode);
    test::map_batch(found, [](const torch::Tensor& x) {
      EXPECT_TRUE(x.is_cuda());
      return x;
    });
    const auto host = test::map_batch(found, [](const torch::Tensor& x) { return x.cpu(); });
    for (const auto member : {&data::Batch::counts, &data::Batch::observed, &data::Batch::calendar,
                              &data::Batch::day_slot, &data::Batch::weekday, &data::Batch::x_origin,
                              &data::Batch::target, &data::Batch::target_observed,
                              &data::Batch::origin, &data::Batch::position}) {
      ASSERT_TRUE((expected.*member).defined());
      EXPECT_TRUE(torch::equal(host.*member, expected.*member)) << mode;
    }
    EXPECT_TRUE(torch::allclose(host.log_anchor, expected.log_anchor, 0, 1e-6)) << mode;
  }
}

class GpuNetworks : public Gpu, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, GpuNetworks, testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(GpuNetworks, TwentyStepsAreWithin1e4OfTheCpu) {
  const auto config = test::config_of_steps(GetParam());
  const auto panel = test::small_panel_with_gaps();
  const torch::Device device = train::training_device("cuda");
  train::check_supported(config, device);  // also puts TF32 off
  const auto expected = test::SmallLearner(config, panel, torch::kCPU).run(20);
  const auto found = test::SmallLearner(config, panel, device).run(20);
  const auto worst = test::difference(expected, found);
  EXPECT_LT(worst.loss, 1e-4);
  EXPECT_LT(worst.mean, 1e-4);
  EXPECT_LT(worst.weight, 1e-4);
}

TEST_P(GpuNetworks, TheProgramTrainsForecastsAndResumes) {
  const test::SmallProject project;
  const auto run = [&](const test::Words& words) {
    return test::run_program(words, -1, [&] {
      test::use_one_thread();
      if (::chdir(project.path().c_str()) != 0) ::_exit(126);
    });
  };
  const auto words = project.train_words(GetParam(), "run", {"--device", "cuda"});
  const auto trained = run(words);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_EQ(trained.err.find("contiguous chunk"), std::string::npos) << trained.err;
  const std::string program = test::precinct_program();
  for (const char* device : {"cuda", "cpu"}) {
    const auto forecast = run({program, "forecast", "--artifact", "run", "--panel", "panel.h5",
                               "--out", "week.csv", "--device", device});
    EXPECT_EQ(forecast.exit_code, 0) << forecast.err;
  }
  std::filesystem::remove_all(project / "run/artifact");
  const auto resumed = run(words);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

}  // namespace
}  // namespace precinct
