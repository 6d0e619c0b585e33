// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/parallelize.h"

#include <utility>

#include "parallel/same_tensors.h"
#include "train/gradient_clip.h"

namespace precinct::train {
namespace {

/// The parts of a network's units are the ranks of a tensor-parallel group.
class SplitOverRanks final : public models::UnitSplit {
 public:
  explicit SplitOverRanks(parallel::Communicator& group) : group_(group) {}
  std::int64_t index() const override { return group_.rank(); }
  std::int64_t count() const override { return group_.size(); }
  torch::Tensor enter(const torch::Tensor& x) const override {
    return parallel::enter_split(x, group_);
  }
  torch::Tensor sum(const torch::Tensor& x) const override {
    return parallel::sum_of_split(x, group_);
  }
  torch::Tensor gather(const torch::Tensor& x) const override {
    return parallel::gather_units(x, group_);
  }
  torch::Tensor gather_to_enter(const torch::Tensor& x) const override {
    return parallel::gather_units_to_split(x, group_);
  }

 private:
  parallel::Communicator& group_;
};

parallel::Shard shard_of(const models::ParameterSplit& split) { return {split.dim, split.blocks}; }

}  // namespace

Layout::Layout(models::SplitPlan plan, parallel::Communicator& tp)
    : plan_(std::move(plan)), tp_(&tp) {}

const models::ParameterSplit* Layout::split_of(const std::string& name) const {
  if (const auto found = plan_.find(name); found != plan_.end()) return &found->second;
  const auto dot = name.find('.');  // behind what an optimiser puts before it
  const auto found = dot == std::string::npos ? plan_.end() : plan_.find(name.substr(dot + 1));
  return found == plan_.end() ? nullptr : &found->second;
}

models::NamedTensors Layout::whole(const models::NamedTensors& parts) const {
  const torch::NoGradGuard no_grad;
  models::NamedTensors whole;
  for (const auto& [name, part] : parts) {
    const auto* split = split_of(name);
    whole.emplace_back(name,
                       split == nullptr ? part : parallel::whole_of(part, shard_of(*split), *tp_));
  }
  return whole;
}

std::map<std::string, torch::Tensor> Layout::parts(
    std::map<std::string, torch::Tensor> whole) const {
  for (auto& [name, tensor] : whole)
    if (const auto* split = split_of(name))
      tensor = parallel::shard_of(tensor, shard_of(*split), tp_->rank(), tp_->size());
  return whole;
}

torch::Tensor Layout::gradient_norm(const models::NamedTensors& parameters) const {
  if (plan_.empty()) return train::gradient_norm(parameters);
  const torch::NoGradGuard no_grad;
  models::NamedTensors split, alike;
  for (const auto& one : parameters) (split_of(one.first) ? split : alike).push_back(one);
  torch::Tensor sum = train::gradient_norm(split).square();
  tp_->all_reduce(sum).wait();
  return (sum + train::gradient_norm(alike).square()).sqrt();
}

Layout parallelize(models::ForecastModel& model, Ranks& ranks) {
  // drawn alike on all ranks, unless their processors differ
  parallel::check_same_layout(models::named_tensors(model), ranks.all());
  parallel::broadcast_tensors(models::named_tensors(model), ranks.all(), /*root=*/0);
  parallel::Communicator& tp = ranks.mesh().axis("tp");
  if (tp.size() == 1) return {};
  const torch::NoGradGuard no_grad;
  Layout layout(model.split_plan(tp.size()), tp);
  std::map<std::string, torch::Tensor> parameters;
  for (const auto& item : model.named_parameters()) parameters[item.key()] = item.value();
  auto parts = layout.parts(parameters);
  for (auto& [name, parameter] : parameters)
    if (const auto& part = parts.at(name); !part.is_same(parameter)) parameter.set_data(part);
  model.set_split(std::make_shared<SplitOverRanks>(tp));
  return layout;
}

}  // namespace precinct::train
