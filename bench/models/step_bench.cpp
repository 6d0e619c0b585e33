// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Forward and backward of one micro-batch of each network at standard cases. Arguments: threads.
// Prints one JSON line a case: median milliseconds over the repeats.
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "models/forecast_model.h"
#include "tests/support/made_batch.h"

namespace {

using precinct::test::MadeSizes;

struct Case {
  const char* name;
  const char* model;
  MadeSizes sizes;
  std::int64_t hidden, num_layers;
};

double median_ms(const Case& c, bool backward, int repeats) {
  auto config = precinct::test::made_config(c.model, c.sizes);
  config.model = {};
  config.input = {};
  config.model.name = c.model;
  config.model.hidden = c.hidden;
  config.model.num_layers = c.num_layers;
  auto context = precinct::test::made_context(c.sizes);
  // as many borders as a city has: about 2.1 a node
  std::vector<std::int64_t> from, to;
  for (std::int64_t n = 0; n < c.sizes.nodes; ++n)
    for (const std::int64_t d : {1, 7})
      if (n + d < c.sizes.nodes) {
        from.insert(from.end(), {n, n + d});
        to.insert(to.end(), {n + d, n});
      }
  context.edge_index =
      torch::stack({torch::tensor(from, torch::kInt64), torch::tensor(to, torch::kInt64)});
  context.edge_weight = torch::ones({context.edge_index.size(1)});
  auto model = precinct::models::build_model(config, context);
  const auto batch = precinct::test::made_batch(c.sizes);
  std::vector<double> times;
  for (int i = 0; i < repeats + 2; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (backward) {
      model->zero_grad();
      const auto loss = precinct::models::loss_sum(config.head, model->forward(batch), batch);
      (loss.numerator / loss.denominator).backward();
    } else {
      const torch::NoGradGuard no_grad;
      model->eval();
      model->forward(batch);
    }
    if (i >= 2)
      times.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
              .count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int repeats = argc > 2 ? std::atoi(argv[2]) : 9;
  at::set_num_threads(threads);
  MadeSizes wla{.windows = 64,
                .nodes = 69,
                .categories = 3,
                .lookback = 28,
                .horizon = 7,
                .calendar = 16,
                .origin_features = 20,
                .statics = 8};
  MadeSizes p1 = wla;
  p1.nodes = 168;
  p1.categories = 4;
  p1.horizon = 1;
  for (const std::int64_t windows : {16, 64}) {
    for (auto [name, sizes] : {std::pair{"wla", wla}, std::pair{"p1", p1}}) {
      sizes.windows = windows;
      for (const Case& c : {Case{name, "dnn", sizes, 128, 3}, Case{name, "crimenet", sizes, 32, 2},
                            Case{name, "gat_tcn", sizes, 32, 0}}) {
        for (const bool backward : {false, true})
          std::printf(
              "{\"case\":\"%s\",\"model\":\"%s\",\"windows\":%ld,\"threads\":%d,\"metric\":\"%s\","
              "\"value\":%.2f,\"unit\":\"ms\",\"repeats\":%d}\n",
              c.name, c.model, static_cast<long>(windows), threads,
              backward ? "time/step" : "time/forward", median_ms(c, backward, repeats), repeats);
        std::fflush(stdout);
      }
    }
  }
}
