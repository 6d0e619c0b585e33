// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/gradient_clip.h"

namespace precinct::train {
namespace {

std::vector<torch::Tensor> present_gradients(const models::NamedTensors& parameters) {
  std::vector<torch::Tensor> gradients;
  for (const auto& [name, parameter] : parameters)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  return gradients;
}

}  // namespace

torch::Tensor gradient_norm(const models::NamedTensors& parameters) {
  const torch::NoGradGuard no_grad;
  const auto gradients = present_gradients(parameters);
  if (gradients.empty())
    return torch::zeros({}, parameters.at(0).second.options().requires_grad(false));
  return torch::stack(at::_foreach_norm(gradients, 2)).norm();
}

void clip_gradients(const models::NamedTensors& parameters, const torch::Tensor& norm,
                    double max_norm) {
  if (max_norm <= 0) return;
  const torch::NoGradGuard no_grad;
  auto gradients = present_gradients(parameters);
  if (!gradients.empty()) at::_foreach_mul_(gradients, (max_norm / (norm + 1e-6)).clamp_max(1.0));
}

}  // namespace precinct::train
