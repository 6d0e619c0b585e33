// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/parallelize.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "parallel/canonical_sum.h"
#include "parallel/pipeline_schedule.h"
#include "parallel/same_tensors.h"
#include "train/gradient_clip.h"
#include "train/stage_costs.h"

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

}  // namespace

Layout::Layout(const models::SplitPlan& plan, std::set<std::string> away, Ranks& ranks)
    : ranks_(&ranks) {
  for (const auto& [name, split] : plan) lies_.split[name] = {split.dim, split.blocks};
  lies_.away = std::move(away);
}

models::NamedTensors Layout::here(const models::NamedTensors& tensors) const {
  models::NamedTensors here;
  for (const auto& one : tensors)
    if (!lies_.is_away(one.first)) here.push_back(one);
  return here;
}

models::NamedTensors Layout::whole(const models::NamedTensors& here) const {
  return ranks_ == nullptr ? here : parallel::full_state_dict(here, lies_, ranks_->mesh());
}

std::map<std::string, torch::Tensor> Layout::parts(
    std::map<std::string, torch::Tensor> whole) const {
  if (ranks_ == nullptr) return whole;
  return parallel::sharded_state_dict(std::move(whole), lies_, ranks_->mesh());
}

torch::Tensor Layout::gradient_norm(const models::NamedTensors& parameters) const {
  if (ranks_ == nullptr) return train::gradient_norm(parameters);
  const torch::NoGradGuard no_grad;
  models::NamedTensors split, alike;
  for (const auto& one : parameters) (lies_.shard_of(one.first) ? split : alike).push_back(one);
  const auto square_of = [&](const models::NamedTensors& some) {
    return some.empty() ? torch::zeros({}, parameters.at(0).second.options().requires_grad(false))
                        : train::gradient_norm(some).square();
  };
  torch::Tensor sum = square_of(split);
  ranks_->mesh().axis("tp").all_reduce(sum).wait();
  sum += square_of(alike);
  ranks_->mesh().axis("pp").all_reduce(sum).wait();
  return sum.sqrt();
}

namespace {

/// The pipeline cut: parameters of the other stages are given up.
std::set<std::string> cut(models::ForecastModel& model, parallel::Communicator& pp,
                          const std::vector<double>& costs, Layout& layout) {
  const auto stages = model.stages();
  std::map<std::string, std::size_t> stage_of;
  for (const auto& item : model.named_parameters()) {
    std::size_t stage = stages.size() - 1;  // the common end is behind the last one
    for (std::size_t i = 0; i < stages.size(); ++i)
      for (const std::string& prefix : stages[i].parameter_prefixes)
        if (item.key().starts_with(prefix)) stage = i;
    stage_of[item.key()] = stage;
  }
  const auto [first, end] =
      parallel::cut_stages(costs, pp.size())[static_cast<std::size_t>(pp.rank())];
  layout.first_stage = static_cast<std::size_t>(first);
  layout.end_stage = static_cast<std::size_t>(end);
  std::set<std::string> away;
  for (auto& item : model.named_parameters()) {
    const std::size_t stage = stage_of.at(item.key());
    if (stage >= layout.first_stage && stage < layout.end_stage) continue;
    item.value().set_requires_grad(false);
    item.value().set_data(torch::empty({0}, item.value().options()));
    away.insert(item.key());
  }
  return away;
}

}  // namespace

Layout parallelize(models::ForecastModel& model, const models::ModelContext& context,
                   std::int64_t micro_batch_size, Ranks& ranks) {
  // drawn alike on all ranks, unless their processors differ
  parallel::check_same_layout(models::named_tensors(model), ranks.all());
  parallel::broadcast_tensors(models::named_tensors(model), ranks.all(), /*root=*/0);
  parallel::Communicator &tp = ranks.mesh().axis("tp"), &pp = ranks.mesh().axis("pp");
  Layout layout;
  layout.end_stage = model.stages().size();
  if (tp.size() == 1 && pp.size() == 1) return layout;
  PRECINCT_CHECK(
      pp.size() <= static_cast<int>(layout.end_stage), ConfigError,
      "parallel.pp and model.name: expected at most {} stages, as many as this network has "
      "layers, found {}; change one of them",
      layout.end_stage, pp.size());
  std::vector<double> costs;
  if (pp.size() > 1) {  // the leader's for all: other processors may take other operators
    costs = stage_costs(model, context, micro_batch_size);
    const auto view = torch::from_blob(costs.data(), {static_cast<std::int64_t>(costs.size())},
                                       torch::TensorOptions().dtype(torch::kFloat64));
    parallel::broadcast_tensors({{"costs of the stages", view}}, ranks.all(), /*root=*/0);
  }
  const torch::NoGradGuard no_grad;
  std::set<std::string> away;
  if (pp.size() > 1) away = cut(model, pp, costs, layout);
  const std::size_t first = layout.first_stage, end = layout.end_stage;
  layout = Layout(tp.size() > 1 ? model.split_plan(tp.size()) : models::SplitPlan(),
                  std::move(away), ranks);
  layout.first_stage = first;
  layout.end_stage = end;
  std::map<std::string, torch::Tensor> parameters;
  for (const auto& item : model.named_parameters()) parameters[item.key()] = item.value();
  for (const auto& [name, part] : layout.parts(parameters))
    if (torch::Tensor parameter = parameters.at(name); !part.is_same(parameter))
      parameter.set_data(part);
  if (tp.size() > 1) model.set_split(std::make_shared<SplitOverRanks>(tp));
  return layout;
}

data::BatchPrefetcher::Options batches_of(const config::ExperimentConfig& config, Ranks& ranks) {
  data::BatchPrefetcher::Options options;
  options.dp_rank = ranks.dp().rank();
  options.dp_size = ranks.dp().size();
  options.micro_batch_size = config.train.micro_batch_size;
  if (ranks.mesh().size("pp") > 1) {
    const std::int64_t parts = options.dp_size * config.parallel.num_micro_batches;
    PRECINCT_CHECK(
        parts <= config.train.global_batch_size, ConfigError,
        "parallel.num_micro_batches: expected at most {} with train.global_batch_size {} "
        "and parallel.dp {}, found {}; each needs a window",
        config.train.global_batch_size / options.dp_size, config.train.global_batch_size,
        options.dp_size, config.parallel.num_micro_batches);
    options.micro_batch_size = (config.train.global_batch_size + parts - 1) / parts;
  }
  static_assert(config::kCanonicalShards == parallel::CanonicalSum::kShards);
  if (config.train.deterministic) options.canonical_shards = parallel::CanonicalSum::kShards;
  return options;
}

}  // namespace precinct::train
