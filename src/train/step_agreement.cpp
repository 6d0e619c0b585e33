// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/step_agreement.h"

#include <algorithm>
#include <utility>

namespace precinct::train {

StepAgreement::StepAgreement(Ranks& ranks)
    : group_(ranks.all()), device_(ranks.message_device()), period_(device_.is_cuda() ? 8 : 1) {}

Wish StepAgreement::next(Wish mine) {
  if (group_.size() == 1) return mine;
  held_ = std::max(held_, mine);
  if (num_calls_++ % period_ != 0) return Wish::kNone;
  Wish agreed = Wish::kNone;
  if (value_.defined()) {
    work_.wait();
    agreed = static_cast<Wish>(value_.to(torch::kCPU).item<int>());
  }
  const auto wish = static_cast<int>(std::exchange(held_, Wish::kNone));
  value_ = torch::full({1}, wish, torch::TensorOptions().dtype(torch::kInt32).device(device_));
  work_ = group_.all_reduce(value_, parallel::ReduceOp::kMax);
  return agreed;
}

void StepAgreement::finish() {
  work_.wait();
  value_.reset();
}

}  // namespace precinct::train
