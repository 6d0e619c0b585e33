// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Pipeline training: the blocks of a network are shared out over the ranks, and the parts of a
// batch follow each other through them. One process:   ./pipeline_mlp Two stages on this machine
// (any launcher that sets these variables will do):
//   export WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500
//   RANK=0 LOCAL_RANK=0 ./pipeline_mlp & RANK=1 LOCAL_RANK=1 ./pipeline_mlp; wait
// Both print the same loss.
#include <base/error.h>
#include <parallel/device_mesh.h>
#include <parallel/pipeline.h>
#include <parallel/world.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace parallel = precinct::parallel;
using parallel::TensorList;

/// One block; two tensors go in and out: the features, and the sum that becomes the answer.
struct BlockImpl : torch::nn::Module {
  explicit BlockImpl(std::int64_t inputs) {
    deep = register_module("deep", torch::nn::Linear(inputs, 32));
    skip = register_module("skip", torch::nn::Linear(32, 1));
  }
  TensorList forward(const TensorList& carried) {
    const auto features = torch::tanh(deep(carried[0]));
    return {features, carried[1] + skip(features)};
  }
  torch::nn::Linear deep{nullptr}, skip{nullptr};
};
TORCH_MODULE(Block);

void train() {
  const auto context = parallel::ProcessContext::from_environment();
  auto world = parallel::connect(context, {.timeout = std::chrono::seconds(60)});
  parallel::DeviceMesh mesh(*world, {.pp = -1});
  auto& group = mesh.axis("pp");

  torch::manual_seed(1);  // every rank draws all blocks and trains its own
  std::vector<Block> blocks;
  for (int i = 0; i < 4; ++i) blocks.emplace_back(i == 0 ? 8 : 32);
  const auto ranges = parallel::cut_stages({1, 3, 3, 3}, group.size());  // by cost
  const auto first = ranges[static_cast<std::size_t>(group.rank())].first;
  const auto end = ranges[static_cast<std::size_t>(group.rank())].second;
  std::vector<torch::Tensor> parameters;
  for (auto i = first; i < end; ++i)
    for (const auto& one : blocks[static_cast<std::size_t>(i)]->parameters())
      parameters.push_back(one);
  torch::optim::AdamW optimizer(parameters, torch::optim::AdamWOptions(1e-2));

  const std::int64_t batch = 50, rows = 8, num_parts = (batch + rows - 1) / rows;  // the last: 2
  torch::Tensor x, y;
  const auto part = [&](const torch::Tensor& whole, std::int64_t m) {
    return whole.slice(0, m * rows, std::min(batch, (m + 1) * rows));
  };
  parallel::Pipeline pipeline(
      [&](TensorList carried, std::int64_t m) {
        if (first == 0) carried = {part(x, m), torch::zeros({part(x, m).size(0), 1})};
        for (auto i = first; i < end; ++i) carried = blocks[static_cast<std::size_t>(i)](carried);
        return carried;
      },
      group, {.schedule = parallel::ScheduleKind::kOneForwardOneBackward});
  if (group.rank() == 0)
    std::printf("%s", parallel::table(
                          parallel::make_schedule(parallel::ScheduleKind::kOneForwardOneBackward,
                                                  group.size(), num_parts))
                          .c_str());

  double loss_now = 0;
  for (int step = 0; step < 200; ++step) {
    x = torch::randn({batch, 8},
                     torch::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(step)));
    y = torch::sin(x.narrow(1, 0, 1)) + x.narrow(1, 1, 1) * x.narrow(1, 2, 1);
    optimizer.zero_grad();
    const auto loss = pipeline.run(
        num_parts, [&](const TensorList& outputs, std::int64_t m) {  // on the last rank
          return (outputs[1] - part(y, m)).square().sum() / static_cast<double>(batch);
        });
    optimizer.step();
    if (step % 50 == 49) {
      loss_now = pipeline.global_loss(loss);
      if (group.rank() == 0) std::printf("step %d  loss %.4f\n", step + 1, loss_now);
    }
  }
  if (group.rank() == 0)
    std::printf("%d stage(s), %s, %lld micro-batches in memory: loss %.4f\n", group.size(),
                group.backend(), static_cast<long long>(pipeline.stats().max_alive), loss_now);
  world->shutdown();  // never left to a static destructor
}

int main() {
  try {
    train();
  } catch (const precinct::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 70;
  }
}
