// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <map>
#include <memory>
#include <string>

#include "models/forecast_model.h"
#include "models/safetensors.h"
#include "parallel/tensor_parallel.h"
#include "train/ranks.h"

namespace precinct::train {

/// How a run's network lies on its ranks: which part of which parameter is here. Tensors that
/// belong to a parameter carry its name, alone or behind a prefix ("exp_avg.output.weight"), and
/// are cut as it is. All ranks make the same calls.
class Layout {
 public:
  /// One rank has everything.
  Layout() = default;
  Layout(models::SplitPlan plan, parallel::Communicator& tp);

  /// Whole tensors from the ranks' parts.
  models::NamedTensors whole(const models::NamedTensors& parts) const;
  /// This rank's parts of whole tensors.
  std::map<std::string, torch::Tensor> parts(std::map<std::string, torch::Tensor> whole) const;
  /// 2-norm over the gradients of all ranks' parts, each counted once; a scalar on the parameters'
  /// device. Undefined gradients count as zero.
  torch::Tensor gradient_norm(const models::NamedTensors& parameters) const;

 private:
  const models::ParameterSplit* split_of(const std::string& name) const;
  models::SplitPlan plan_;
  parallel::Communicator* tp_ = nullptr;
};

/// Lays a freshly built network out over the ranks of a run, in this order: the tensor split takes
/// this rank's part of the units; data parallel follows with make_gradient_sum(), on the
/// parameters that are then left. Rank 0's weights are taken on all ranks before. Throws
/// ConfigError that names the two keys of what does not go together.
Layout parallelize(models::ForecastModel& model, Ranks& ranks);

}  // namespace precinct::train
