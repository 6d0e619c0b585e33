// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A rank of a launched world: meets the others and adds 1, 2, ... over the ranks.
//   launch_rank [r]     at the first start rank r is killed after it has met the others
//   launch_rank reshape calls #1 to #40; rank 1's call #30 is larger than that of the others
#include <torch/torch.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "parallel/world.h"

int main(int argc, char** argv) {
  namespace parallel = precinct::parallel;
  try {
    const auto context = parallel::ProcessContext::from_environment();
    auto world = parallel::connect(context, {.timeout = std::chrono::seconds(20),
                                             .connect_timeout = std::chrono::seconds(30)});
    if (argc > 1 && std::strcmp(argv[1], "reshape") == 0) {
      for (int i = 1; i <= 40; ++i) {
        world->progress().enter("step", i);
        torch::Tensor values = torch::ones({i == 30 && world->rank() == 1 ? 8 : 4});
        world->communicator().all_reduce(values).wait();
      }
      std::printf("went through\n");
    } else if (argc > 1 && context.restart_count == 0 && world->rank() == std::atoi(argv[1])) {
      std::raise(SIGKILL);
    }
    torch::Tensor number = torch::tensor({static_cast<double>(world->rank() + 1)});
    world->communicator().all_reduce(number).wait();
    std::printf("sum %.0f over %d\n", number.item<double>(), world->size());
    world->shutdown();
  } catch (const precinct::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
