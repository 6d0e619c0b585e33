// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/gradient_reducer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "base/error.h"

namespace precinct::parallel {

/// What a parameter's hook calls; outlives the reducer when autograd still holds the hook.
class ReducerHook {
 public:
  ReducerHook(GradientReducer* reducer, std::size_t index) : reducer_(reducer), index_(index) {}
  void call() {
    const std::lock_guard lock(mutex_);
    if (reducer_ != nullptr) reducer_->on_gradient(index_);
  }
  void detach() {
    const std::lock_guard lock(mutex_);
    reducer_ = nullptr;
  }

 private:
  std::mutex mutex_;
  GradientReducer* reducer_;
  std::size_t index_;
};

namespace {

using torch::autograd::impl::post_acc_grad_hooks;
using torch::autograd::impl::set_post_acc_grad_hooks;

/// A tensor holds one hook of this kind: one that was there before is called first.
struct ChainedHook final : torch::autograd::PostAccumulateGradHook {
  ChainedHook(std::unique_ptr<PostAccumulateGradHook> before, std::shared_ptr<ReducerHook> own)
      : before_(std::move(before)), own_(std::move(own)) {}
  void operator()(const at::Tensor& tensor) override {
    if (before_) (*before_)(tensor);
    own_->call();
  }
  std::unique_ptr<PostAccumulateGradHook> before_;
  std::shared_ptr<ReducerHook> own_;
};

}  // namespace

GradientReducer::GradientReducer(const NamedParameters& parameters, Communicator& group,
                                 const ReducerOptions& options)
    : group_(group), options_(options) {
  for (const auto& [name, tensor] : parameters) {
    if (!tensor.requires_grad()) continue;
    PRECINCT_CHECK(
        tensor.is_leaf(), ShapeError,
        "parameter '{}': expected a leaf of the graph, found a result; pass the module's "
        "own parameters",
        name);
    Parameter parameter;
    parameter.name = name;
    parameter.tensor = tensor;
    parameters_.push_back(std::move(parameter));
  }
  lay_out(options.bucket_bytes);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& tensor = parameters_[i].tensor;
    parameters_[i].hook = std::make_shared<ReducerHook>(this, i);
    auto before = std::move(post_acc_grad_hooks(tensor));
    set_post_acc_grad_hooks(tensor,
                            std::make_unique<ChainedHook>(std::move(before), parameters_[i].hook));
  }
}

GradientReducer::~GradientReducer() {
  for (auto& parameter : parameters_) {
    parameter.hook->detach();
    // taken out again when nobody has put another hook around it
    auto* chained = dynamic_cast<ChainedHook*>(post_acc_grad_hooks(parameter.tensor).get());
    if (chained != nullptr && chained->own_ == parameter.hook) {
      auto before = std::move(chained->before_);
      set_post_acc_grad_hooks(parameter.tensor, std::move(before));
    }
  }
}

void GradientReducer::lay_out(std::int64_t bucket_bytes) {
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    Parameter& parameter = parameters_[i];
    const at::Tensor& tensor = parameter.tensor;
    const auto fits = [&](const Bucket& bucket) {
      const at::Tensor& first = parameters_[bucket.parameters.front()].tensor;
      return first.scalar_type() == tensor.scalar_type() && first.device() == tensor.device() &&
             (bucket.numel + tensor.numel()) * static_cast<std::int64_t>(tensor.element_size()) <=
                 bucket_bytes;
    };
    if (buckets_.empty() || !fits(buckets_.back())) buckets_.emplace_back();
    Bucket& bucket = buckets_.back();
    parameter.bucket = buckets_.size() - 1;
    parameter.offset = bucket.numel;
    parameter.slot = bucket.parameters.size();
    bucket.parameters.push_back(i);
    bucket.numel += tensor.numel();
  }
  for (auto& bucket : buckets_) {
    const at::Tensor& first = parameters_[bucket.parameters.front()].tensor;
    const auto flags = static_cast<std::int64_t>(bucket.parameters.size()) + 1;
    bucket.flat = at::zeros({bucket.numel + flags}, first.options().requires_grad(false));
  }
}

std::vector<std::vector<std::string>> GradientReducer::layout() const {
  std::vector<std::vector<std::string>> names;
  for (const auto& bucket : buckets_) {
    names.emplace_back();
    for (const std::size_t i : bucket.parameters) names.back().push_back(parameters_[i].name);
  }
  return names;
}

void GradientReducer::log(ReducerEvent::Kind kind, std::size_t index) {
  events_.push_back({kind, index, std::chrono::steady_clock::now()});
}

void GradientReducer::begin(bool last) {
  const std::lock_guard lock(mutex_);
  if (!in_step_) {
    in_step_ = true;
    failure_ = nullptr;
    next_bucket_ = 0;
    events_.clear();
    for (auto& parameter : parameters_) parameter.used = parameter.ready = false;
    for (auto& bucket : buckets_) bucket.num_ready = 0;
  }
  PRECINCT_CHECK(!armed_, ShapeError,
                 "gradient reducer: expected finish() after the last backward pass, found begin(); "
                 "a step has one last pass");
  armed_ = last;
  if (last) group_.note(++step_);  // the one pass that all ranks have, however many theirs are
}

void GradientReducer::on_gradient(std::size_t index) {
  const std::lock_guard lock(mutex_);
  if (!in_step_) return;  // a backward pass of somebody else
  Parameter& parameter = parameters_[index];
  parameter.used = true;
  if (!armed_ || parameter.ready || failure_) return;
  parameter.ready = true;
  log(ReducerEvent::Kind::kGradient, index);
  ++buckets_[parameter.bucket].num_ready;
  try {
    start_full_buckets();
  } catch (...) {  // the engine may be in a thread of its own: finish() tells it
    failure_ = std::current_exception();
  }
}

void GradientReducer::start_full_buckets() {
  while (next_bucket_ < buckets_.size() &&
         buckets_[next_bucket_].num_ready == buckets_[next_bucket_].parameters.size())
    start(next_bucket_);
}

/// The parameter's part of the bucket. Autograd does not know it as a view: detach_(), which
/// zero_grad(false) calls, refuses views.
at::Tensor GradientReducer::view_of(const Bucket& bucket, const Parameter& parameter) const {
  return bucket.flat.narrow(0, parameter.offset, parameter.tensor.numel())
      .view(parameter.tensor.sizes())
      .variable_data();
}

/// The bucket's contents on this rank: gradients, zeros where there is none, flags.
void GradientReducer::fill(Bucket& bucket) {
  const at::NoGradGuard no_grad;
  bool any = false;
  for (const auto& parameter : parameters_) any |= parameter.used;
  std::vector<double> flags;
  for (const std::size_t i : bucket.parameters) {
    const Parameter& parameter = parameters_[i];
    const at::Tensor view = view_of(bucket, parameter);
    const at::Tensor& gradient = parameter.tensor.grad();
    flags.push_back(parameter.used ? 1 : 0);
    if (!parameter.used || !gradient.defined()) {
      view.zero_();
      continue;
    }
    PRECINCT_CHECK(!gradient.is_sparse() && gradient.sizes() == parameter.tensor.sizes(),
                   ShapeError,
                   "gradient of '{}': expected a dense one, found a sparse one; make the embedding "
                   "dense (sparse: false)",
                   parameter.name);
    if (gradient.data_ptr() != view.data_ptr()) view.copy_(gradient);
  }
  flags.push_back(any ? 1 : 0);
  bucket.flat.narrow(0, bucket.numel, static_cast<std::int64_t>(flags.size()))
      .copy_(at::tensor(flags, at::kDouble));
}

void GradientReducer::start(std::size_t index) {
  Bucket& bucket = buckets_[index];
  ++next_bucket_;
  fill(bucket);
  bucket.wire = bucket.flat;
  if (options_.compression == Compression::kBfloat16) {
    const at::NoGradGuard no_grad;
    bucket.wire = bucket.flat.to(at::kBFloat16);
  }
  log(ReducerEvent::Kind::kStart, index);
  bucket.work = group_.all_reduce(bucket.wire);
}

void GradientReducer::finish() {
  const std::lock_guard lock(mutex_);
  PRECINCT_CHECK(in_step_ && armed_, ShapeError,
                 "gradient reducer: expected begin(true) before finish(), found none");
  in_step_ = armed_ = false;
  if (failure_) std::rethrow_exception(failure_);
  log(ReducerEvent::Kind::kFinish, 0);
  // gradients of earlier passes only, and none at all: the bucket leaves with what there is
  while (next_bucket_ < buckets_.size()) start(next_bucket_);
  std::string refused;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    buckets_[i].work.wait();
    log(ReducerEvent::Kind::kDone, i);
    spread(buckets_[i], refused);
  }
  PRECINCT_CHECK(refused.empty(), ShapeError,
                 "gradients: expected one for every parameter on every rank that has data, found "
                 "none for {}; use them in the loss, freeze them, or set unused to find",
                 refused);
}

/// Gives the sums to the parameters.
void GradientReducer::spread(Bucket& bucket, std::string& refused) {
  const at::NoGradGuard no_grad;
  if (!bucket.wire.is_same(bucket.flat)) bucket.flat.copy_(bucket.wire);
  bucket.wire.reset();
  const auto num_flags = static_cast<std::int64_t>(bucket.parameters.size()) + 1;
  const at::Tensor flags = bucket.flat.narrow(0, bucket.numel, num_flags).to(at::kCPU, at::kDouble);
  const auto* counts = flags.const_data_ptr<double>();
  const double num_with_data = counts[num_flags - 1];
  for (const std::size_t i : bucket.parameters) {
    Parameter& parameter = parameters_[i];
    const double count = counts[parameter.slot];
    if (options_.unused == Unused::kRefuse && count < num_with_data)
      refused += fmt::format("{}'{}' on {:.0f} of {:.0f}", refused.empty() ? "" : ", ",
                             parameter.name, num_with_data - count, num_with_data);
    parameter.tensor.mutable_grad() = count > 0 ? view_of(bucket, parameter) : at::Tensor();
  }
}

}  // namespace precinct::parallel
