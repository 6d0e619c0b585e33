// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/step_guard.h"

namespace precinct::train {

StepGuard::StepGuard(torch::Device device)
    : counters_(torch::zeros({4}, torch::TensorOptions().dtype(torch::kFloat64).device(device))) {
  reset();
}

void StepGuard::reset() {
  counters_.zero_();
  counters_[3] = -1;
}

torch::Tensor StepGuard::check(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                               std::int64_t step) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor bad =
      torch::logical_not(torch::isfinite(loss + gradient_norm)).to(torch::kFloat64);
  const torch::Tensor run = (counters_[1] + 1) * bad;
  const torch::Tensor longest = torch::maximum(counters_[2], run);
  const torch::Tensor last_bad =
      torch::where(bad > 0, torch::full_like(bad, static_cast<double>(step)), counters_[3]);
  counters_.copy_(torch::stack({counters_[0] + bad, run, longest, last_bad}));
  return bad.to(torch::kFloat32);
}

std::array<double, 4> StepGuard::state() const {
  const torch::Tensor host = counters_.to(torch::kCPU);
  const auto* values = host.const_data_ptr<double>();
  return {values[0], values[1], values[2], values[3]};
}

void StepGuard::load(const std::array<double, 4>& state) {
  counters_.copy_(torch::tensor({state[0], state[1], state[2], state[3]}, torch::kFloat64));
}

StepGuard::Report StepGuard::read() const {
  const auto values = state();
  return {static_cast<std::int64_t>(values[0]), static_cast<std::int64_t>(values[2]),
          static_cast<std::int64_t>(values[3])};
}

std::vector<std::string> non_finite_tensors(const models::NamedTensors& parameters) {
  const torch::NoGradGuard no_grad;
  const auto is_bad = [](const torch::Tensor& x) { return !torch::isfinite(x).all().item<bool>(); };
  std::vector<std::string> names;
  for (const auto& [name, parameter] : parameters) {
    if (is_bad(parameter)) names.push_back("parameter " + name);
    if (parameter.grad().defined() && is_bad(parameter.grad())) names.push_back("gradient " + name);
  }
  return names;
}

}  // namespace precinct::train
