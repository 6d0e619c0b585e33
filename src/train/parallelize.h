// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "data/loader/batch_prefetcher.h"
#include "models/forecast_model.h"
#include "models/safetensors.h"
#include "parallel/state_dict.h"
#include "train/ranks.h"

namespace precinct::train {

/// How a run's network lies on its ranks: which stages are here, and which part of which of their
/// parameters (parallel::StateLayout). All ranks make the same calls.
class Layout {
 public:
  /// One rank has everything.
  Layout() = default;
  /// `away`: parameters of stages that other ranks of `pp` have.
  Layout(const models::SplitPlan& plan, std::set<std::string> away, Ranks& ranks);

  /// Those of `tensors` that are not another stage's.
  models::NamedTensors here(const models::NamedTensors& tensors) const;
  /// Whole tensors of all stages from what each rank has here.
  models::NamedTensors whole(const models::NamedTensors& here) const;
  /// This rank's parts of whole tensors of all stages.
  std::map<std::string, torch::Tensor> parts(std::map<std::string, torch::Tensor> whole) const;
  /// 2-norm over the gradients of all ranks' parts, each counted once; a scalar on the parameters'
  /// device. Undefined gradients count as zero.
  torch::Tensor gradient_norm(const models::NamedTensors& parameters) const;

  /// The stages of the network that this rank runs, [first, end) of ForecastModel::stages().
  std::size_t first_stage = 0;
  std::size_t end_stage = 0;

 private:
  parallel::StateLayout lies_;
  Ranks* ranks_ = nullptr;
};

/// Lays a freshly built network out over the ranks of a run, in this order: the pipeline cut leaves
/// this rank its stages, balanced by stage_costs() of a micro-batch; the tensor split takes its
/// part of their units; data parallel follows with make_gradient_sum(), on the parameters that are
/// then left. Rank 0's weights are taken on all ranks before. Throws ConfigError that names the two
/// keys of what does not go together.
Layout parallelize(models::ForecastModel& model, const models::ModelContext& context,
                   std::int64_t micro_batch_size, Ranks& ranks);

/// Which windows of a global batch this rank has, in which micro-batches: its dp index's share;
/// in a pipeline in parallel.num_micro_batches of about equal size, otherwise by
/// train.micro_batch_size.
data::BatchPrefetcher::Options batches_of(const config::ExperimentConfig& config, Ranks& ranks);

}  // namespace precinct::train
