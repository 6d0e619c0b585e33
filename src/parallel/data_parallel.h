// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "parallel/communicator.h"
#include "parallel/gradient_reducer.h"
#include "parallel/options.h"
#include "parallel/same_tensors.h"

namespace precinct::parallel {

/// Trains one module on the ranks of a group, each on its own part of the data, with the gradients
/// of one process that has all of it.
///
///   DataParallel ddp(*model, mesh.axis("dp"));
///   auto loss = ddp.forward_loss([&] { return mse_loss(model->forward(x), y); }, x.size(0));
///   loss.backward();      // buckets are added over the ranks while this runs
///   optimizer.step();     // the same step on all ranks
///
/// The constructor copies rank 0's parameters and buffers to all ranks. Parts of the data may
/// differ in size: every rank says how much its part weighs (samples, observed cells), and the
/// global mean is what is differentiated; a rank that has run out calls with weight 0, its closure
/// is then not run. All ranks make the same number of calls. Gradients must be cleared before each
/// step, as in one process.
class DataParallel {
 public:
  /// `group` and the module must outlive this. Throws CommError when the ranks' modules differ.
  DataParallel(torch::nn::Module& module, Communicator& group,
               const DataParallelOptions& options = {});
  ~DataParallel();

  /// The mean loss over this rank's part, times weight / sum of the weights over the ranks: summed
  /// over the ranks it is the loss of one process. `mean_loss` returns a scalar. Its backward()
  /// leaves the sums of the gradients in the parameters (unless no_sync() is held) and throws what
  /// GradientReducer::finish() throws. The weights are added while the forward pass runs.
  torch::Tensor forward_loss(const std::function<torch::Tensor()>& mean_loss, double weight);

  /// Global value of a loss that forward_loss() returned, for logs. All ranks call it.
  double global_loss(const torch::Tensor& loss);

  /// While it lives, backward() only accumulates; the next backward() after it adds everything over
  /// the ranks, so that a step of several parts sends once.
  class NoSync {
   public:
    explicit NoSync(DataParallel& owner) : owner_(owner) { owner_.synchronised_ = false; }
    ~NoSync() { owner_.synchronised_ = true; }
    NoSync(const NoSync&) = delete;
    NoSync& operator=(const NoSync&) = delete;

   private:
    DataParallel& owner_;
  };
  [[nodiscard]] NoSync no_sync() { return NoSync(*this); }

  /// Compares the parameters' bytes over the ranks; forward_loss() does it every
  /// options.verify_every steps. Throws CommError that names the tensor and the ranks.
  void verify_parameters();

  GradientReducer& reducer() { return *reducer_; }
  std::int64_t num_steps() const { return num_steps_; }

 private:
  torch::Tensor zero_loss() const;

  Communicator& group_;
  const DataParallelOptions options_;
  NamedTensors parameters_, buffers_;
  std::unique_ptr<GradientReducer> reducer_;
  bool synchronised_ = true;
  std::int64_t num_steps_ = 0;
};

}  // namespace precinct::parallel
