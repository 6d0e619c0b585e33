// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>

#include "config/experiment_config.h"
#include "data/loader/batch_prefetcher.h"
#include "models/forecast_model.h"
#include "parallel/pipeline.h"
#include "train/gradient_sum.h"
#include "train/lr_schedule.h"
#include "train/optimizer.h"
#include "train/parallelize.h"
#include "train/step_guard.h"
#include "train/weight_average.h"

namespace precinct::train {

/// A network with everything that changes it: one call of train_step() is one optimiser update.
/// Nothing in it waits for the device.
class Learner {
 public:
  /// Fresh weights, drawn by name from run.seed, rank 0's on all ranks. `total_steps`: length of
  /// the schedule. `ranks` must outlive it; all of them call it.
  Learner(const config::ExperimentConfig& config, const models::ModelContext& context,
          std::int64_t steps_per_epoch, std::int64_t total_steps, Ranks& ranks);

  /// Forward, loss, backward of each micro-batch of this rank, sum over the ranks, clip, guard,
  /// update. The loss is divided by the observed cells of the whole global batch, known beforehand.
  /// `step`: of this phase.
  void train_step(const data::StepBatches& batches, std::int64_t step);

  /// Mean loss and norm since the last call; waits for the device.
  struct Losses {
    double loss, gradient_norm;
  };
  Losses take_losses();

  models::ForecastModel& model() { return *model_; }
  /// Head parameters of a batch without gradients; of a pipeline's ranks the last one has them. All
  /// ranks of a pipeline call it.
  std::optional<models::HeadParams> forward(const data::Batch& batch);
  /// The network's stages on this rank, [first, end).
  std::pair<std::size_t, std::size_t> stages_here() const {
    return {layout_.first_stage, layout_.end_stage};
  }
  /// What of the network is on this rank.
  models::NamedTensors tensors_here() const;
  Optimizer& optimizer() { return *optimizer_; }
  LrSchedule& schedule() { return schedule_; }
  StepGuard& guard() { return guard_; }
  WeightAverage& average() { return average_; }

  /// What a checkpoint holds, whole whatever the layout. All ranks call it.
  struct Tensors {
    models::NamedTensors model, optimizer;
    /// model.safetensors and optimizer.safetensors into a checkpoint's folder.
    void save(const std::filesystem::path& folder) const;
  };
  Tensors tensors() const;
  /// The same read back, in place: this rank's part of it.
  void load(const std::filesystem::path& folder);
  std::array<double, 3> loss_sums() const;
  void load_sums(const std::array<double, 3>& losses, const std::array<double, 4>& guard);
  /// Weights that a forecast uses, whole, on the host: the average when there is one. All ranks
  /// call it.
  std::map<std::string, torch::Tensor> forecast_weights();
  /// The same from a checkpoint's folder.
  static std::map<std::string, torch::Tensor> forecast_weights(const std::filesystem::path& folder);

  const GradientSum& gradient_sum() const { return *gradient_sum_; }

  /// Leaves the gradients of this rank's micro-batches behind, for the search of a non-finite
  /// tensor.
  void backward_here(const data::StepBatches& batches);

 private:
  torch::Tensor backward(const data::StepBatches& batches, GradientSum& sum);
  torch::Tensor backward_in_stages(const data::StepBatches& batches);
  void make_pipeline(const config::ParallelConfig& config);
  models::NamedTensors optimizer_tensors() const;
  config::TrainConfig train_;
  config::HeadConfig head_;
  torch::Device device_;
  std::shared_ptr<models::ForecastModel> model_;
  Layout layout_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<GradientSum> gradient_sum_;
  parallel::Communicator& pp_;
  std::unique_ptr<parallel::Pipeline> pipeline_;
  const std::vector<data::Batch>* staged_ = nullptr;  // micro-batches of the pass under way
  LrSchedule schedule_;
  StepGuard guard_;
  WeightAverage average_;
  torch::Tensor losses_;  // [3] f64: sum of losses, number of steps, last gradient norm
};

}  // namespace precinct::train
