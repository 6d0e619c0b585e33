// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "models/heads/common_end.h"

namespace precinct::train {
namespace {

std::vector<torch::Tensor> zeros_like_all(const models::NamedTensors& parameters) {
  std::vector<torch::Tensor> zeros;
  for (const auto& [name, parameter] : parameters)
    zeros.push_back(torch::zeros_like(parameter.detach()));
  return zeros;
}

std::vector<torch::Tensor> picked(const std::vector<torch::Tensor>& tensors,
                                  const std::vector<std::size_t>& members) {
  std::vector<torch::Tensor> chosen;
  chosen.reserve(members.size());
  for (const std::size_t i : members) chosen.push_back(tensors[i]);
  return chosen;
}

void append(models::NamedTensors& state, const std::string& prefix,
            const models::NamedTensors& parameters, const std::vector<torch::Tensor>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i)
    state.emplace_back(prefix + "." + parameters[i].first, tensors[i]);
}

}  // namespace

Optimizer::Optimizer(models::NamedTensors parameters, double linear_lr_factor)
    : parameters_(std::move(parameters)) {
  Group rest{1.0, {}}, linear{linear_lr_factor, {}};
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const bool apart = linear_lr_factor != 1.0 && models::is_linear_part(parameters_[i].first);
    (apart ? linear : rest).members.push_back(i);
  }
  for (Group* group : {&rest, &linear})
    if (!group->members.empty()) groups_.push_back(std::move(*group));
}

void Optimizer::zero_grad() {
  for (auto& [name, parameter] : parameters_) parameter.mutable_grad().reset();
}

std::vector<torch::Tensor> Optimizer::gradients() const {
  std::vector<torch::Tensor> gradients;
  for (const auto& [name, parameter] : parameters_)
    gradients.push_back(parameter.grad().defined() ? parameter.grad()
                                                   : torch::zeros_like(parameter));
  return gradients;
}

std::vector<torch::Tensor> Optimizer::tensors() const {
  std::vector<torch::Tensor> tensors;
  for (const auto& [name, parameter] : parameters_) tensors.push_back(parameter);
  return tensors;
}

AdamW::AdamW(models::NamedTensors parameters, const config::OptimizerConfig& config)
    : Optimizer(std::move(parameters), config.linear_lr_factor),
      config_(config),
      exp_avg_(zeros_like_all(parameters_)),
      exp_avg_sq_(zeros_like_all(parameters_)),
      step_(torch::zeros(
          {}, parameters_.at(0).second.options().dtype(torch::kFloat32).requires_grad(false))) {}

void AdamW::step(double lr, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  step_.add_(1 - found_inf);
  const auto weights = tensors();
  const auto grads = gradients();
  for (const Group& group : groups_) {
    const std::vector<torch::Tensor> steps(group.members.size(), step_);
    auto weight = picked(weights, group.members), grad = picked(grads, group.members),
         exp_avg = picked(exp_avg_, group.members), exp_avg_sq = picked(exp_avg_sq_, group.members);
    at::_fused_adamw_(weight, grad, exp_avg, exp_avg_sq, /*max_exp_avg_sqs=*/{}, steps,
                      lr * group.lr_factor, config_.beta1, config_.beta2, config_.weight_decay,
                      config_.eps, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{},
                      found_inf);
  }
}

models::NamedTensors AdamW::state() const {
  models::NamedTensors state;
  append(state, "exp_avg", parameters_, exp_avg_);
  append(state, "exp_avg_sq", parameters_, exp_avg_sq_);
  state.emplace_back("step", step_);
  return state;
}

Sgd::Sgd(models::NamedTensors parameters, const config::OptimizerConfig& config)
    : Optimizer(std::move(parameters), config.linear_lr_factor),
      config_(config),
      momentum_(zeros_like_all(parameters_)) {}

void Sgd::step(double lr, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor skip = found_inf > 0;
  const auto grads = gradients();
  for (const Group& group : groups_) {
    for (const std::size_t i : group.members) {
      torch::Tensor weight = parameters_[i].second;
      const torch::Tensor next =
          config_.momentum * momentum_[i] + grads[i] + config_.weight_decay * weight;
      momentum_[i].copy_(torch::where(skip, momentum_[i], next));
      weight.copy_(torch::where(skip, weight, weight - lr * group.lr_factor * next));
    }
  }
}

models::NamedTensors Sgd::state() const {
  models::NamedTensors state;
  append(state, "momentum", parameters_, momentum_);
  return state;
}

std::unique_ptr<Optimizer> make_optimizer(const torch::nn::Module& model,
                                          const config::OptimizerConfig& config) {
  models::NamedTensors parameters;
  for (const auto& item : model.named_parameters())
    if (item.value().requires_grad()) parameters.emplace_back(item.key(), item.value());
  PRECINCT_CHECK(!parameters.empty(), ConfigError,
                 "model: expected trainable parameters, found none; choose another network");
  if (config.name == "adamw") return std::make_unique<AdamW>(std::move(parameters), config);
  PRECINCT_CHECK(config.name == "sgd", ConfigError,
                 "train.optimizer.name: expected adamw or sgd, found '{}'; choose one of them",
                 config.name);
  return std::make_unique<Sgd>(std::move(parameters), config);
}

}  // namespace precinct::train
