// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
//
// Ranks on GPUs over NCCL take the steps of one process: the rows that tests/train runs over Gloo.
// Run by scripts/test --gpu; rows for more ranks than GPUs are listed as not run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "apps/cuda_library.h"
#include "base/error.h"
#include "tests/parallel/ranks.h"
#include "tests/support/small_project.h"
#include "tests/train/parity_matrix.h"

namespace precinct {
namespace {

using test::ParityRow;
using testing::HasSubstr;

std::string why_not_run(int ranks) {
  if (!apps::why_no_gpu().empty()) return "not run: no GPU: " + apps::why_no_gpu();
  const auto gpus = static_cast<int>(apps::visible_gpus().size());
  if (ranks <= gpus) return "";
  return fmt::format("not run: {} ranks over NCCL want {} GPUs, {} can be seen", ranks, ranks,
                     gpus);
}

/// As `precinct train` connects, also when it is alone.
std::unique_ptr<parallel::World> connect_by_nccl(const config::ExperimentConfig& config) {
  const auto context = parallel::ProcessContext::from_environment();
  auto connection = train::connect_options(config, context);
  connection.device_id = apps::gpu_address(connection.device_index);
  connection.connect_alone = true;
  EXPECT_TRUE(apps::register_nccl());
  return parallel::connect(context, connection);
}

/// What NCCL and LibTorch write about groups that were not left in order.
const std::vector<std::string> kComplaints = {"Warning", "WARNING", "destroy_process_group",
                                              "NCCL WARN"};

/// Runs a body on ranks that are connected over NCCL, and parts them.
void run_on_gpus(int ranks, const std::function<void(parallel::World&)>& body) {
  test::RankOptions options;
  options.connects = false;
  options.deadline = std::chrono::seconds(240);
  options.unsaid = kComplaints;
  test::run_ranks(
      ranks,
      [&](parallel::World&) {
        config::ExperimentConfig config;
        config.run.device = "cuda";
        const auto world = connect_by_nccl(config);
        ASSERT_STREQ(world->communicator().backend(), "nccl");
        body(*world);
        world->shutdown();
      },
      options);
}

class GpuParityMatrix : public testing::TestWithParam<ParityRow> {};
INSTANTIATE_TEST_SUITE_P(Layouts, GpuParityMatrix, testing::ValuesIn(test::parity_rows()),
                         [](const auto& info) { return info.param.name(); });

TEST_P(GpuParityMatrix, FiftyStepsAreThoseOfOneProcess) {
  const ParityRow row = GetParam();
  const std::string why = why_not_run(row.ranks());
  if (!why.empty()) GTEST_SKIP() << why;
  run_on_gpus(row.ranks(), [&row](parallel::World& world) {
    test::expect_steps_of_one_process(world, row, "nccl", "cuda", row.is_double ? 1e-12 : 1e-5);
  });
}

/// Each call on tensors of the GPU, past the calls that are compared first.
void check_calls(parallel::World& world) {
  auto& group = world.communicator();
  const int n = group.size(), r = group.rank();
  const auto gpu = torch::TensorOptions(torch::kCUDA);
  EXPECT_EQ(torch::empty({1}, gpu).device().index(), world.context().local_rank)
      << "the rank's GPU is not the current one";
  for (int round = 0; round < 12; ++round) {
    for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kInt32, torch::kInt64}) {
      auto x = torch::full({3}, r + 1, gpu.dtype(type));
      group.all_reduce(x).wait();
      EXPECT_EQ(x[0].item<double>(), n * (n + 1) / 2.0);
      group.all_reduce(x.fill_(r), parallel::ReduceOp::kMax).wait();
      EXPECT_EQ(x[2].item<double>(), n - 1);
    }
    auto x = torch::full({4}, r, gpu);
    group.broadcast(x, n - 1).wait();
    EXPECT_EQ(x[3].item<double>(), n - 1);
    auto all = torch::empty({n, 2}, gpu), part = torch::empty({1, 2}, gpu),
         rows = torch::empty({n, 2}, gpu);
    group.all_gather(all, torch::full({2}, r, gpu)).wait();
    group.reduce_scatter(part, torch::full({n, 2}, r + 1, gpu)).wait();
    group.all_to_all(rows, torch::full({n, 2}, r, gpu)).wait();
    const auto expected = torch::arange(n).view({n, 1}).expand({n, 2}).to(torch::kFloat32);
    EXPECT_TRUE(torch::equal(all.cpu(), expected));
    EXPECT_TRUE(torch::equal(rows.cpu(), expected));
    EXPECT_EQ(part[0][1].item<double>(), n * (n + 1) / 2.0);
    group.barrier().wait();
    if (n == 1) continue;
    const int next = (r + 1) % n, last = (r + n - 1) % n;
    const auto own = torch::full({1 << 20}, r, gpu);
    auto taken = torch::empty_like(own);
    group
        .batch_p2p({{parallel::Operation::kSend, own, next, 1},
                    {parallel::Operation::kRecv, taken, last, 1}})
        .wait();
    EXPECT_EQ(taken[-1].item<double>(), last);
  }
}

TEST(GpuNccl, OneRankMakesEveryCallAndLeavesWithoutAWord) {
  const std::string why = why_not_run(1);
  if (!why.empty()) GTEST_SKIP() << why;
  run_on_gpus(1, check_calls);
}

TEST(GpuNccl, AsManyRanksAsGpusMakeEveryCall) {
  const std::string why = why_not_run(2);
  if (!why.empty()) GTEST_SKIP() << why;
  run_on_gpus(static_cast<int>(std::min<std::size_t>(apps::visible_gpus().size(), 8)), check_calls);
}

/// A call that the other rank leaves out ends in time, with its name.
TEST(GpuNccl, ALateRankIsATimeoutThatNamesTheCall) {
  const std::string why = why_not_run(2);
  if (!why.empty()) GTEST_SKIP() << why;
  test::RankOptions options;
  options.connects = false;
  options.deadline = std::chrono::seconds(120);
  test::run_ranks(
      2,
      [](parallel::World&) {
        config::ExperimentConfig config;
        config.run.device = "cuda";
        const auto world = connect_by_nccl(config);
        auto& group = world->communicator();
        auto x = torch::ones({4}, torch::kCUDA);
        for (int i = 0; i < 25; ++i) group.all_reduce(x).wait();
        if (world->rank() == 0) {
          EXPECT_THAT(
              test::error_of<CommError>([&] { group.all_reduce(x).wait(std::chrono::seconds(1)); }),
              HasSubstr("all_reduce #26 (world"));
        }
        world->store()->set(fmt::format("seen/{}", world->rank()), "1");
        EXPECT_TRUE(world->store()->get("seen/0", std::chrono::seconds(60)));
      },
      options);
}

/// With one GPU to be seen NCCL cannot have two ranks: each says so, the launcher has the table.
TEST(GpuNccl, TwoRanksOnOneGpuAreRefusedWithTheTableOfRanks) {
  const std::string why = why_not_run(1);
  if (!why.empty()) GTEST_SKIP() << why;
  const test::SmallProject project;
  test::Words words = {test::precinct_program(), "launch", "--nproc", "2", "--"};
  for (const auto& word : project.train_words("dnn", "shared", {"--device", "cuda"}))
    words.push_back(word);
  const auto result = test::run_program(words, -1, [&] {
    test::use_one_thread();
    ::setenv("CUDA_VISIBLE_DEVICES", "0", 1);
    if (::chdir(project.path().c_str()) != 0) ::_exit(126);
  });
  EXPECT_EQ(result.exit_code, 2) << result.err;
  const std::string said = result.out + result.err;
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_THAT(said, testing::ContainsRegex(fmt::format(
                          "\\[rank {}\\][^\n]*parallel.backend: expected a GPU of its own for each "
                          "rank, found GPU [^\n]* for ranks 0, 1; ",
                          rank)));
  EXPECT_THAT(said, testing::ContainsRegex("rank +host +pid"));
  EXPECT_FALSE(std::filesystem::exists(project / "shared" / "artifact"));
}

/// What of it needs no GPU: how NCCL is set up, and what is said where it cannot work.
TEST(NcclBackend, IsRefusedInOneLineWhereItCannotWork) {
  if (!apps::register_nccl()) GTEST_SKIP() << "not run: no libprecinct_cuda.so in this build";
  EXPECT_STREQ(std::getenv("TORCH_NCCL_DUMP_ON_TIMEOUT"), "0");
  const auto connect = [] {
    parallel::ConnectOptions options;
    options.backend = parallel::Backend::kNccl;
    options.device_index = 0;
    options.connect_alone = true;
    parallel::connect(parallel::ProcessContext(), options)->shutdown();
  };
  ::setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "2", 1);
  EXPECT_THAT(test::error_of<ConfigError>(connect),
              HasSubstr("TORCH_NCCL_ASYNC_ERROR_HANDLING: expected 0 or 3, found '2'"));
  ::unsetenv("TORCH_NCCL_ASYNC_ERROR_HANDLING");
  if (!apps::visible_gpus().empty()) return;
  const std::string text = test::error_of<CommError>(connect);
  EXPECT_THAT(text, HasSubstr("expected that the GPUs of all 1 ranks connect within 300 s"));
  EXPECT_THAT(text, HasSubstr("no GPUs found"));
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

/// The rows are the ones of Gloo, and each has a reason when it is not run.
TEST(ParityOnGpus, HasTheRowsOfGlooAndAReasonForEachThatIsNotRun) {
  EXPECT_EQ(test::parity_rows().size(), 66u);
  const auto gpus = static_cast<int>(apps::visible_gpus().size());
  EXPECT_EQ(why_not_run(1).empty(), gpus > 0);
  EXPECT_THAT(why_not_run(gpus + 1), testing::StartsWith("not run: "));
}

}  // namespace
}  // namespace precinct
