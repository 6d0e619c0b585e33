// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/gradient_sum.h"

#include <cmath>
#include <utility>

#include "parallel/canonical_sum.h"
#include "parallel/gradient_reducer.h"

namespace precinct::train {
namespace {

/// Buckets leave during the last backward pass, the loss before it.
class OverlappedSum final : public GradientSum {
 public:
  OverlappedSum(const models::NamedTensors& parameters, const config::ParallelConfig& config,
                Ranks& ranks)
      : group_(ranks.dp()),
        local_(ranks.device()),
        reducer_(parameters, group_,
                 {.bucket_bytes = std::llround(config.bucket_mb * (1 << 20)),
                  .unused = parallel::Unused::kFind}) {}

  void begin(const torch::Tensor& loss, bool last) override {
    local_.begin(loss, last);
    if (last) send_loss();
    reducer_.begin(last);
  }
  torch::Tensor finish() override {
    if (!loss_.defined()) {  // no window was left for this rank
      send_loss();
      reducer_.begin(true);
    }
    reducer_.finish();
    sent_.wait();
    return std::exchange(loss_, {});
  }

 private:
  void send_loss() {
    loss_ = local_.finish();
    sent_ = group_.all_reduce(loss_);
  }

  parallel::Communicator& group_;
  LocalGradientSum local_;
  parallel::GradientReducer reducer_;
  torch::Tensor loss_;
  parallel::Work sent_;
};

/// The micro-batches are the canonical shards of the global batch.
class CanonicalGradientSum final : public GradientSum {
 public:
  CanonicalGradientSum(const models::NamedTensors& parameters, Ranks& ranks)
      : sum_(parameters, ranks.dp()) {}
  void begin(const torch::Tensor& loss, bool) override { sum_.begin(loss); }
  torch::Tensor finish() override { return sum_.finish().to(torch::kFloat32); }
  std::int64_t kept_bytes() const override { return sum_.kept_bytes(); }

 private:
  parallel::CanonicalSum sum_;
};

}  // namespace

std::unique_ptr<GradientSum> make_gradient_sum(const models::NamedTensors& parameters,
                                               const config::ExperimentConfig& config,
                                               Ranks& ranks) {
  if (config.train.deterministic) return std::make_unique<CanonicalGradientSum>(parameters, ranks);
  if (!ranks.dp().is_connected()) return std::make_unique<LocalGradientSum>(ranks.device());
  return std::make_unique<OverlappedSum>(parameters, config.parallel, ranks);
}

}  // namespace precinct::train
