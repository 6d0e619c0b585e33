// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/data_parallel.h"

#include <torch/csrc/autograd/engine.h>
#include <torch/torch.h>

#include "base/error.h"

namespace precinct::parallel {
namespace {

/// Identity whose backward asks the engine to call the reducer when the pass is over.
struct FinishAfterBackward : torch::autograd::Function<FinishAfterBackward> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& loss,
                               std::int64_t reducer) {
    context->saved_data["reducer"] = reducer;
    return loss.clone();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    auto* reducer = reinterpret_cast<GradientReducer*>(  // NOLINT(performance-no-int-to-ptr)
        context->saved_data["reducer"].toInt());
    torch::autograd::Engine::get_default_engine().queue_callback([reducer] { reducer->finish(); });
    return {gradients[0], torch::Tensor()};
  }
};

ReducerOptions reducer_options(const DataParallelOptions& options) {
  return {options.bucket_bytes, options.unused, options.compression};
}

}  // namespace

DataParallel::DataParallel(torch::nn::Module& module, Communicator& group,
                           const DataParallelOptions& options)
    : group_(group), options_(options) {
  for (const auto& entry : module.named_parameters())
    parameters_.emplace_back(entry.key(), entry.value());
  for (const auto& entry : module.named_buffers())
    buffers_.emplace_back(entry.key(), entry.value());
  PRECINCT_CHECK(!parameters_.empty(), ShapeError,
                 "data parallel: expected a module with parameters, found none; register them");
  NamedTensors all = parameters_;
  all.insert(all.end(), buffers_.begin(), buffers_.end());
  check_same_layout(all, group_);
  broadcast_tensors(all, group_, 0);
  reducer_ = std::make_unique<GradientReducer>(parameters_, group_, reducer_options(options));
}

DataParallel::~DataParallel() = default;

/// Of a rank without data: its backward pass meets no parameter and still joins the others.
torch::Tensor DataParallel::zero_loss() const {
  return torch::zeros({}, parameters_.front().second.options().requires_grad(true));
}

torch::Tensor DataParallel::forward_loss(const std::function<torch::Tensor()>& mean_loss,
                                         double weight) {
  PRECINCT_CHECK(weight >= 0, ShapeError,
                 "forward_loss: expected a weight from 0, found {}; give the number of samples",
                 weight);
  if (options_.verify_every > 0 && num_steps_ > 0 && synchronised_ &&
      num_steps_ % options_.verify_every == 0)
    verify_parameters();
  if (options_.broadcast_buffers && synchronised_) broadcast_tensors(buffers_, group_, 0);
  torch::Tensor total = torch::tensor({weight}, torch::kFloat64);
  Work sum = group_.all_reduce(total);
  const torch::Tensor loss = weight > 0 ? mean_loss() : zero_loss();
  sum.wait();
  const double all = total.item<double>();
  PRECINCT_CHECK(all > 0, ShapeError,
                 "forward_loss: expected data on one rank at least, found weight 0 on all {}; end "
                 "the epoch when every rank has run out",
                 group_.size());
  reducer_->begin(/*last=*/synchronised_);
  torch::Tensor share = loss * (weight / all);
  if (!synchronised_) return share;
  ++num_steps_;
  return FinishAfterBackward::apply(share, reinterpret_cast<std::int64_t>(reducer_.get()));
}

double DataParallel::global_loss(const torch::Tensor& loss) {
  torch::Tensor sum = loss.detach().to(torch::kCPU, torch::kFloat64).reshape({1}).clone();
  group_.all_reduce(sum).wait();
  return sum.item<double>();
}

void DataParallel::verify_parameters() {
  check_same_bytes(parameters_, group_, "after step " + std::to_string(num_steps_));
}

}  // namespace precinct::parallel
