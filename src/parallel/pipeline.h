// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/pipeline_schedule.h"
#include "parallel/same_tensors.h"

namespace precinct::parallel {

/// What crosses a border between two stages.
using TensorList = std::vector<at::Tensor>;

/// This rank's layers: what the stage before carried over (nothing on the first) to what is carried
/// on. Which data a micro-batch is every rank knows for itself.
using StageFunction = std::function<TensorList(TensorList carried, std::int64_t micro_batch)>;
/// On the last stage: the scalar that is differentiated. Losses of micro-batches are added.
using LossFunction = std::function<at::Tensor(const TensorList& outputs, std::int64_t micro_batch)>;

struct PipelineOptions {
  ScheduleKind schedule = ScheduleKind::kOneForwardOneBackward;
  /// Called before each backward pass of this rank, `last` before the last one of a run; on the
  /// last stage with the micro-batch's loss. A run without micro-batches calls it once, with
  /// last = true, so that GradientReducer::begin(last) is all a rank needs to do here.
  std::function<void(bool last, const at::Tensor& loss)> before_backward = {};
  /// A schedule of one's own for training, instead of `schedule`; the same on all ranks.
  std::function<PipelineSchedule(int num_stages, std::int64_t num_micro_batches)> make = {};
};

/// What a run did on this rank.
struct PipelineStats {
  std::int64_t max_alive = 0;     ///< micro-batches between forward and backward at once
  double wait_seconds = 0;        ///< spent waiting for neighbours: the bubble, and messages
  std::int64_t num_messages = 0;  ///< sent
  std::int64_t bytes = 0;         ///< sent
};

/// Trains a network whose layers are shared out over the ranks of a group: rank r is stage r.
///
///   Pipeline pipeline([&](TensorList carried, std::int64_t m) { return layers(carried, part[m]);
///   },
///                     mesh.axis("pp"));
///   auto loss = pipeline.run(num_micro_batches, [&](const TensorList& outputs, std::int64_t m) {
///     return mse_loss(outputs[0], target[m]) * weight[m];  // on the last rank
///   });
///   optimizer.step();   // parameters hold the gradients of the sum of the losses
///
/// Any number of tensors of any shape and type may cross a border, other ones for each micro-batch.
/// Those that need no gradient send none back; one that the next stage did not use gets zeros. All
/// ranks run the same number of micro-batches (0 is one) by the same schedule; a rank that differs
/// is noticed at the first message. Micro-batches are added in their order, whatever the schedule.
///
/// A message is a header (48 bytes; forward only), a description of the tensors when it differs
/// from the last one, then the tensors. Sends are not waited for, but no more than two
/// micro-batches' are under way; where a send and a receive cross between two ranks they are one
/// batch_p2p.
///
/// After a CommError the group is of no more use. One thread at a time.
class Pipeline {
 public:
  /// `group` must outlive this.
  Pipeline(StageFunction stage, Communicator& group, PipelineOptions options = {});
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  bool is_first() const { return group_.rank() == 0; }
  bool is_last() const { return group_.rank() == group_.size() - 1; }

  /// Forward and backward of a step; gradients are added to those in the parameters. Returns the
  /// sum of the losses (a float64 scalar) on the last stage, an undefined tensor on the others.
  /// Throws ShapeError for a schedule that cannot work and for a loss that is no scalar, CommError
  /// for what the group threw and for ranks whose schedules or runs differ.
  at::Tensor run(std::int64_t num_micro_batches, const LossFunction& loss_of);

  /// The last stage's outputs by micro-batch, without gradients; an empty list on the others.
  std::vector<TensorList> forward_only(std::int64_t num_micro_batches);

  /// What run() returned on the last stage, on all ranks. All ranks call it.
  double global_loss(const at::Tensor& loss_sum);

  /// Of the last run.
  const PipelineStats& stats() const { return stats_; }

 private:
  /// A micro-batch between its forward and its backward pass.
  struct Alive {
    TensorList inputs, outputs;
    at::Tensor loss;
  };
  /// Sends under way, and what they read.
  struct Sending {
    Work work;
    TensorList tensors;
  };

  void take_schedule(std::int64_t num_micro_batches);
  void go(const PipelineSchedule& schedule, const LossFunction* loss_of);
  void forward(std::int64_t micro_batch, const LossFunction* loss_of);
  void backward(std::int64_t micro_batch, bool last);
  void exchange(const std::vector<PipelineMessage>& messages);
  void send(const at::Tensor& tensor, int peer, int tag, Sending& sending);
  void send_header(const PipelineMessage& message, Sending& sending);
  void receive(const at::Tensor& tensor, int peer, int tag);
  TensorList receive_header(const PipelineMessage& message);
  void check_header(const PipelineMessage& message, const at::Tensor& header) const;
  void wait_for(Work& work);
  void wait_for_sends(std::size_t left);

  const StageFunction stage_;
  Communicator& group_;
  const PipelineOptions options_;
  PipelineStats stats_;
  PipelineSchedule training_;  // of the last run()
  std::string schedule_name_;  // of the run under way
  std::int64_t schedule_hash_ = 0;
  std::int64_t num_runs_ = 0;
  std::vector<std::int64_t> described_to_, described_from_;  // the last descriptions
  std::vector<Alive> alive_;                                 // by micro-batch
  std::int64_t num_alive_ = 0;
  std::deque<Sending> sending_;
  TensorList incoming_, outgoing_;  // of the next pass, of the last one
  std::vector<TensorList> results_;
  at::Tensor loss_sum_;
};

/// Throws ConfigError that names parallel.pp and both names when one tensor belongs to two stages,
/// as shared weights would: each rank would train a copy of its own.
void check_no_shared_parameters(const std::vector<NamedTensors>& stages);

}  // namespace precinct::parallel
