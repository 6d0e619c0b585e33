// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// LibTorch's own reducer, the one of DistributedDataParallel, beside GradientReducer: the same
// gradients, in about the same time.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "parallel/c10d_internal.h"
#include "parallel/gradient_reducer.h"
#include "parallel/same_tensors.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/small_net.h"

namespace precinct::parallel {
namespace {

using test::largest_difference;
using test::run_ranks;
using test::slice_of;
using test::SmallNet;

/// c10d::Reducer with the calls of GradientReducer: gradients become sums over the ranks. A step's
/// buckets are those of its own choice, which after the first step are made again. `name` is used
/// once.
class C10dReducer {
 public:
  C10dReducer(const std::vector<torch::Tensor>& parameters, World& world,
              const ReducerOptions& options, const std::string& name)
      : parameters_(parameters) {
    const int rank = world.communicator().rank(), size = world.communicator().size();
    const auto store = c10d_store(*world.store()->view(name));
    auto gloo = c10d::ProcessGroupGloo::Options::create(std::chrono::seconds(20));
    gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(world.address()));
    group_ = c10::make_intrusive<c10d::ProcessGroup>(store, rank, size);
    group_->setBackend(
        c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO,
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, std::move(gloo)));
    group_->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
    group_->setGroupName(name);
    const std::vector<bool> sparse(parameters.size(), false);
    const auto cap = static_cast<std::size_t>(options.bucket_bytes);
    auto [buckets, limits] =
        c10d::compute_bucket_assignment_by_size(parameters, {cap, cap}, sparse);
    std::reverse(buckets.begin(), buckets.end());
    num_buckets_ = buckets.size();
    reducer_ = std::make_shared<c10d::Reducer>(
        parameters, std::move(buckets), group_, sparse, options.bucket_bytes,
        /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true,
        std::unordered_map<std::size_t, std::string>{}, options.bucket_bytes,
        /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
        /*bucket_bytes_cap_list=*/std::vector<std::int64_t>{});
    logger_ = std::make_shared<c10d::Logger>(reducer_);
    reducer_->set_logger(logger_);
  }
  ~C10dReducer() { reducer_->remove_autograd_hooks(); }
  C10dReducer(const C10dReducer&) = delete;
  C10dReducer& operator=(const C10dReducer&) = delete;

  void begin(bool last) {
    if (!last) return;
    reducer_->prepare_for_forward();
    if (reducer_->should_rebuild_buckets()) reducer_->rebuild_buckets();
    reducer_->prepare_for_backward({});
  }
  void finish() {  // it divides by the number of ranks before it adds
    for (const auto& parameter : parameters_) parameter.grad().mul_(group_->getSize());
  }
  std::size_t num_buckets() const { return num_buckets_; }

 private:
  std::vector<torch::Tensor> parameters_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::shared_ptr<c10d::Reducer> reducer_;
  std::shared_ptr<c10d::Logger> logger_;
  std::size_t num_buckets_ = 0;
};

NamedTensors named(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& entry : module.named_parameters())
    tensors.emplace_back(entry.key(), entry.value());
  return tensors;
}

struct RankRows {
  torch::Tensor x, y;
};

/// Rows with residuals of one sign: sums without cancellation.
RankRows made_rows(std::int64_t rows, std::int64_t width, torch::Dtype type, World& world) {
  torch::manual_seed(7);
  const auto x = torch::randn({rows, width}, type), y = torch::randn({rows, 1}, type) + 6;
  const auto [first, end] = slice_of(rows, world.communicator().rank(), world.size());
  return {x.slice(0, first, end), y.slice(0, first, end)};
}

/// One step in so many passes; returns the seconds from the first pass to the summed gradients.
template <typename Reducer>
double step(SmallNet& net, Reducer& reducer, const RankRows& data, int parts) {
  for (auto& parameter : net.parameters())
    if (parameter.grad().defined()) parameter.mutable_grad().zero_();
  const auto start = std::chrono::steady_clock::now();
  for (int part = 0; part < parts; ++part) {
    const auto [a, b] = slice_of(data.x.size(0), part, parts);
    const auto loss = (net.forward(data.x.slice(0, a, b)) - data.y.slice(0, a, b)).square().sum();
    reducer.begin(part + 1 == parts);
    loss.backward();
  }
  reducer.finish();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<torch::Tensor> gradients(const SmallNet& net) {
  std::vector<torch::Tensor> all;
  for (const auto& parameter : net.parameters()) all.push_back(parameter.grad().clone());
  return all;
}

class ReducersOfLibTorch : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ReducersOfLibTorch, testing::Values(2, 3));

TEST_P(ReducersOfLibTorch, HasTheGradientsOfOurs) {
  run_ranks(GetParam(), [](World& world) {
    const ReducerOptions options{.bucket_bytes = 3000};
    for (const auto type : {torch::kFloat64, torch::kFloat32}) {
      const RankRows data = made_rows(30, 24, type, world);
      SmallNet ours(type), theirs(type);
      GradientReducer our_reducer(named(ours), world.communicator(), options);
      C10dReducer their_reducer(theirs.parameters(), world, options,
                                type == torch::kFloat64 ? "f64" : "f32");
      EXPECT_GE(their_reducer.num_buckets(), 3U);
      for (int parts = 1; parts <= 3; ++parts) {
        step(ours, our_reducer, data, parts);
        step(theirs, their_reducer, data, parts);
        const double difference = largest_difference(gradients(ours), gradients(theirs));
        if (world.communicator().rank() == 0)
          std::printf("row: world %lld, %s, %d parts: largest difference to c10d::Reducer %.1e\n",
                      static_cast<long long>(world.size()), type == torch::kFloat64 ? "f64" : "f32",
                      parts, difference);
        // two numbers have one sum, and half of it times two is the same one
        const double rounding = type == torch::kFloat64 ? 1e-15 : 1e-6;
        EXPECT_LE(difference, world.size() == 2 ? 0.0 : rounding);
      }
    }
  });
}

/// Only printed: which one is faster here depends on the machine.
TEST(ReducerOfLibTorch, TimeOfAStepBesideOurs) {
  run_ranks(2, [](World& world) {
    constexpr std::int64_t kWidth = 512;  // 1.05 million parameters, 4 MiB
    constexpr int kRounds = 30;
    torch::set_num_threads(1);
    const RankRows data = made_rows(64, kWidth, torch::kFloat32, world);
    SmallNet ours(torch::kFloat32, kWidth), theirs(torch::kFloat32, kWidth);
    GradientReducer our_reducer(named(ours), world.communicator());
    C10dReducer their_reducer(theirs.parameters(), world, {}, "timed");
    std::vector<double> ratios, our_times, their_times;
    for (int round = -5; round < kRounds; ++round) {  // the first ones warm up
      const double a = step(ours, our_reducer, data, 1), b = step(theirs, their_reducer, data, 1);
      if (round < 0) continue;
      ratios.push_back(a / b);
      our_times.push_back(a * 1e3);
      their_times.push_back(b * 1e3);
    }
    for (auto* values : {&ratios, &our_times, &their_times})
      std::sort(values->begin(), values->end());
    if (world.communicator().rank() == 0)
      std::printf(
          "row: step of 2 ranks, 4 MiB of gradients, ms: ours %.2f, c10d::Reducer %.2f; ratio "
          "%.2f (quartiles %.2f to %.2f)\n",
          our_times[kRounds / 2], their_times[kRounds / 2], ratios[kRounds / 2],
          ratios[kRounds / 4], ratios[3 * kRounds / 4]);
    EXPECT_EQ(largest_difference(gradients(ours), gradients(theirs)), 0.0);
  });
}

}  // namespace
}  // namespace precinct::parallel
