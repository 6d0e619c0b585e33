// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/same_tensors.h"

namespace precinct::parallel {

/// Adds gradients over the ranks in an order that does not depend on their number: the global batch
/// is cut into kShards parts, each differentiated by itself; rank r of n has the parts r kShards /
/// n to (r + 1) kShards / n, and all parts' gradients are gathered on all ranks and added one after
/// the other, beginning with zero. On one kind of processor and thread count, worlds of 1 to
/// kShards ranks thus end with the same bits.
///
/// Nothing is sent before the last backward pass, every rank receives kShards gradients instead of
/// one, and holds its own parts' gradients until then: a mode for comparing runs, not for speed.
///
/// One step: begin(loss) and loss.backward() for each part that has windows, in order; finish().
/// Gradients must be cleared before each step.
class CanonicalSum {
 public:
  static constexpr std::int64_t kShards = 12;

  /// Parameters that need no gradient are left out. Gradients are gathered in buckets of at most
  /// `bucket_bytes` per part (a larger one goes alone). `group` must outlive this.
  CanonicalSum(const NamedTensors& parameters, Communicator& group,
               std::int64_t bucket_bytes = std::int64_t{1} << 20);

  /// `loss`: scalar of the next part. Throws ShapeError when this rank has had all its parts.
  void begin(const at::Tensor& loss);
  /// The gradients become the sums over all parts; a parameter that no part used keeps none.
  /// Returns the sum of the losses, f64 scalar on the parameters' device. All ranks call it.
  at::Tensor finish();
  /// Of the parts' gradients, which are kept until the step ends; finish() needs a bucket of all
  /// ranks for a moment more.
  std::int64_t kept_bytes() const;

 private:
  struct Bucket {
    std::vector<at::Tensor> parameters;
    at::Tensor parts;  // [parts_per_rank, elements], one row per part
  };
  void put_aside();
  at::Tensor sum(const at::Tensor& parts);

  Communicator& group_;
  const std::int64_t parts_per_rank_;
  std::vector<Bucket> buckets_;
  at::Tensor flags_;  // [parts_per_rank, 1 + parameters] f64: loss; 1 where there was a gradient
  std::int64_t num_begun_ = 0;
};

}  // namespace precinct::parallel
