// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "config/experiment_config.h"
#include "models/safetensors.h"
#include "train/ranks.h"

namespace precinct::train {

/// Where losses and gradients are added over the ranks of a job. The trainer calls begin() before
/// each backward pass of a step and finish() after the last one; the gradients it finds then are
/// those of the whole global batch. A rank without windows calls finish() alone.
class GradientSum {
 public:
  virtual ~GradientSum() = default;
  /// `loss`: f32 scalar, this micro-batch's share of the step's loss, undefined on a pipeline's
  /// stages that have none; `last`: the backward pass
  /// that follows is this rank's last one of the step.
  virtual void begin(const torch::Tensor& loss, bool last) = 0;
  /// The loss of the whole global batch, f32 scalar without graph.
  virtual torch::Tensor finish() = 0;
  /// Bytes that it keeps beside the parameters and their gradients.
  virtual std::int64_t kept_bytes() const { return 0; }
};

/// Micro-batches of one rank alone.
class LocalGradientSum final : public GradientSum {
 public:
  explicit LocalGradientSum(torch::Device device) : total_(torch::zeros({}, device)) {}
  void begin(const torch::Tensor& loss, bool) override {
    if (loss.defined()) total_ = total_ + loss.detach();
  }
  torch::Tensor finish() override { return std::exchange(total_, torch::zeros_like(total_)); }

 private:
  torch::Tensor total_;
};

/// What a run's configuration asks for: over the data-parallel ranks while the backward pass runs;
/// with train.deterministic in the canonical order; alone in a world of one. `ranks` must outlive
/// it.
std::unique_ptr<GradientSum> make_gradient_sum(const models::NamedTensors& parameters,
                                               const config::ExperimentConfig& config,
                                               Ranks& ranks);

}  // namespace precinct::train
