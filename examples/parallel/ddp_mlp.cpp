// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Data-parallel training of a small network on made data. One process:   ./ddp_mlp
// Two processes on this machine (any launcher that sets these variables will do):
//   export WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500
//   RANK=0 LOCAL_RANK=0 ./ddp_mlp & RANK=1 LOCAL_RANK=1 ./ddp_mlp; wait
// Both print the same loss.
#include <base/error.h>
#include <parallel/data_parallel.h>
#include <parallel/device_mesh.h>
#include <parallel/world.h>
#include <torch/torch.h>

#include <cstdio>

namespace parallel = precinct::parallel;

struct Mlp : torch::nn::Module {
  Mlp() {
    up = register_module("up", torch::nn::Linear(8, 64));
    down = register_module("down", torch::nn::Linear(64, 1));
  }
  torch::Tensor forward(const torch::Tensor& x) { return down(torch::tanh(up(x))); }
  torch::nn::Linear up{nullptr}, down{nullptr};
};

void train() {
  const auto context = parallel::ProcessContext::from_environment();
  auto world = parallel::connect(context, {.timeout = std::chrono::seconds(60)});
  parallel::DeviceMesh mesh(*world, {.dp = -1});
  auto& group = mesh.axis("dp");

  torch::manual_seed(1);  // rank 0's weights are copied to all ranks
  Mlp model;
  parallel::DataParallel ddp(model, group, {.bucket_bytes = 1 << 16, .verify_every = 100});
  torch::optim::AdamW optimizer(model.parameters(), torch::optim::AdamWOptions(1e-2));

  const std::int64_t global_batch = 50;
  double loss_now = 0;
  for (int step = 0; step < 300; ++step) {
    // every rank knows the whole batch and takes its slice: sizes need not be equal
    const auto whole =
        torch::randn({global_batch, 8},
                     torch::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(step)));
    const auto first = global_batch * group.rank() / group.size();
    const auto end = global_batch * (group.rank() + 1) / group.size();
    const auto x = whole.slice(0, first, end);
    const auto y = torch::sin(x.narrow(1, 0, 1)) + x.narrow(1, 1, 1) * x.narrow(1, 2, 1);

    optimizer.zero_grad();
    const auto loss = ddp.forward_loss([&] { return torch::mse_loss(model.forward(x), y); },
                                       static_cast<double>(end - first));
    loss.backward();  // buckets are added over the ranks while this runs
    optimizer.step();
    if (step % 100 == 99) {
      loss_now = ddp.global_loss(loss);
      if (world->rank() == 0) std::printf("step %d  loss %.4f\n", step + 1, loss_now);
    }
  }
  if (world->rank() == 0)
    std::printf("%d rank(s), %s: loss %.4f\n", world->size(), group.backend(), loss_now);
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
