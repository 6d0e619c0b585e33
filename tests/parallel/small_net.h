// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace precinct::test {

/// A network of five layers with one branch that may be left out; weights from the seed.
struct SmallNet : torch::nn::Module {
  explicit SmallNet(torch::Dtype type, std::int64_t width = 24, std::uint64_t seed = 1) {
    torch::manual_seed(seed);
    for (int i = 0; i < 4; ++i)
      layers.push_back(
          register_module("layer" + std::to_string(i), torch::nn::Linear(width, width)));
    branch = register_module("branch", torch::nn::Linear(width, 1));
    head = register_module("head", torch::nn::Linear(width, 1));
    to(type);
  }
  torch::Tensor forward(torch::Tensor x, bool with_branch = true) {
    for (auto& layer : layers) x = torch::tanh(layer(x));
    torch::Tensor y = head(x);
    return with_branch ? y + branch(x) : y;
  }
  std::vector<torch::nn::Linear> layers;
  torch::nn::Linear branch{nullptr}, head{nullptr};
};

/// Largest |a - b| over the tensors, in units of the largest |b| of each tensor.
inline double largest_difference(const std::vector<torch::Tensor>& a,
                                 const std::vector<torch::Tensor>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double scale = std::max(b[i].abs().max().item<double>(), 1e-30);
    largest = std::max(largest, (a[i] - b[i]).abs().max().item<double>() / scale);
  }
  return largest;
}

/// Rows [first, end) of `count` rows for part `index` of `parts` equal ones.
inline std::pair<std::int64_t, std::int64_t> slice_of(std::int64_t count, int index, int parts) {
  return {count * index / parts, count * (index + 1) / parts};
}

}  // namespace precinct::test
