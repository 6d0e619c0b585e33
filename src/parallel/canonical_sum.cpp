// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/canonical_sum.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "base/error.h"

namespace precinct::parallel {

CanonicalSum::CanonicalSum(const NamedTensors& parameters, Communicator& group,
                           std::int64_t bucket_bytes)
    : group_(group), parts_per_rank_((kShards + group.size() - 1) / group.size()) {
  std::int64_t count = 0;
  std::int64_t elements = 0;  // of the last bucket
  const auto close_bucket = [&] {
    if (elements == 0) return;
    Bucket& bucket = buckets_.back();
    bucket.parts = at::zeros({parts_per_rank_, elements}, bucket.parameters[0].options());
    elements = 0;
  };
  at::TensorOptions options;
  for (const auto& [name, tensor] : parameters) {
    if (!tensor.requires_grad()) continue;
    const bool fits = elements > 0 &&
                      tensor.scalar_type() == buckets_.back().parameters[0].scalar_type() &&
                      (elements + tensor.numel()) * tensor.element_size() <= bucket_bytes;
    if (!fits) {
      close_bucket();
      buckets_.emplace_back();
    }
    buckets_.back().parameters.push_back(tensor);
    elements += tensor.numel();
    options = options.device(tensor.device());
    ++count;
  }
  close_bucket();
  flags_ = at::zeros({parts_per_rank_, 1 + count}, options.dtype(at::kDouble));
}

void CanonicalSum::begin(const at::Tensor& loss) {
  put_aside();
  PRECINCT_CHECK(num_begun_ < parts_per_rank_, ShapeError,
                 "rank {}: canonical sum: expected at most {} parts of the batch, found one more; "
                 "cut the batch into {} parts",
                 group_.rank(), parts_per_rank_, kShards);
  flags_[num_begun_++][0].copy_(loss.detach());
}

/// Takes the gradients of the part that has just been differentiated.
void CanonicalSum::put_aside() {
  if (num_begun_ == 0) return;
  const at::NoGradGuard no_grad;
  const std::int64_t part = num_begun_ - 1;
  std::int64_t flag = 1;
  for (Bucket& bucket : buckets_) {
    std::int64_t offset = 0;
    for (at::Tensor& parameter : bucket.parameters) {
      at::Tensor& gradient = parameter.mutable_grad();
      if (gradient.defined()) {
        bucket.parts[part].narrow(0, offset, parameter.numel()).copy_(gradient.reshape(-1));
        flags_[part][flag].fill_(1);
        gradient.reset();
      }
      offset += parameter.numel();
      ++flag;
    }
  }
}

/// Sum over the rows of all ranks, one after the other.
at::Tensor CanonicalSum::sum(const at::Tensor& parts) {
  at::Tensor all = parts;
  if (group_.is_connected()) {
    all = at::empty({group_.size() * parts_per_rank_, parts.size(1)}, parts.options());
    group_.all_gather(all, parts).wait();
  }
  at::Tensor total = at::zeros({parts.size(1)}, parts.options());
  for (std::int64_t part = 0; part < all.size(0); ++part) total.add_(all[part]);
  return total;
}

at::Tensor CanonicalSum::finish() {
  const at::NoGradGuard no_grad;
  put_aside();
  const at::Tensor flags = sum(flags_);
  const at::Tensor host = flags.to(at::kCPU);
  const auto* used = host.const_data_ptr<double>();
  std::int64_t flag = 1;
  for (Bucket& bucket : buckets_) {
    const at::Tensor total = sum(bucket.parts);
    std::int64_t offset = 0;
    for (at::Tensor& parameter : bucket.parameters) {
      if (used[flag++] > 0)
        parameter.mutable_grad() =
            total.narrow(0, offset, parameter.numel()).view(parameter.sizes());
      offset += parameter.numel();
    }
    bucket.parts.zero_();
  }
  flags_.zero_();
  num_begun_ = 0;
  return flags[0];
}

std::int64_t CanonicalSum::kept_bytes() const {
  auto bytes = static_cast<std::int64_t>(flags_.nbytes());
  for (const Bucket& bucket : buckets_) bytes += static_cast<std::int64_t>(bucket.parts.nbytes());
  return bytes;
}

}  // namespace precinct::parallel
