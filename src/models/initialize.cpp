// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/initialize.h"

#include <cmath>

#include "base/rng.h"
#include "models/forecast_model.h"

namespace precinct::models {
namespace {

// torch's reset_parameters(): kaiming_uniform(a = sqrt 5) of a weight is U(+-1/sqrt(fan_in)), and
// so is its bias.
InitialDistribution torch_default(const torch::nn::Module& module) {
  if (module.as<torch::nn::EmbeddingImpl>()) return InitialDistribution::normal(1);
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    if (item.value().dim() < 2) continue;
    const double fan_in =
        static_cast<double>(item.value().numel()) / std::max<double>(1, item.value().size(0));
    return InitialDistribution::uniform(fan_in > 0 ? 1 / std::sqrt(fan_in) : 0);
  }
  return InitialDistribution::zero();
}

void draw(torch::Tensor parameter, const InitialDistribution& from, std::uint64_t key) {
  if (from.kind == InitialDistribution::Kind::kZero) {
    parameter.zero_();
    return;
  }
  const auto options = torch::TensorOptions().dtype(torch::kFloat64);
  torch::Tensor values = torch::empty(parameter.sizes(), options);
  double* out = values.data_ptr<double>();
  const auto size = static_cast<std::uint64_t>(values.numel());
  for (std::uint64_t i = 0; i < size; ++i) {
    out[i] = from.kind == InitialDistribution::Kind::kNormal
                 ? from.scale * normal(key, i)
                 : from.scale * (2 * uniform(key, i) - 1);
  }
  parameter.copy_(values);
}

}  // namespace

void initialize_by_name(torch::nn::Module& model, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  for (const auto& [prefix, module] : model.named_modules("", /*include_self=*/true).pairs()) {
    const auto* stated = dynamic_cast<const StatesInitial*>(module.get());
    for (auto& item : module->named_parameters(/*recurse=*/false)) {
      const std::string name = prefix.empty() ? item.key() : prefix + "." + item.key();
      draw(item.value(), stated ? stated->initial(item.key()) : torch_default(*module),
           stream_key(seed, "init/" + name));
    }
  }
}

}  // namespace precinct::models
