// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/step_agreement.h"

#include <algorithm>
#include <utility>

namespace precinct::train {

StepAgreement::StepAgreement(Ranks& ranks)
    : group_(ranks.all()), period_(ranks.device().is_cuda() ? 8 : 1) {}

Wish StepAgreement::next(Wish mine) {
  if (!group_.is_connected()) return mine;
  held_ = std::max(held_, mine);
  if (num_calls_++ % period_ != 0) return Wish::kNone;
  Wish agreed = Wish::kNone;
  if (value_.defined()) {
    work_.wait();
    agreed = static_cast<Wish>(value_.item<int>());
    if (agreed == Wish::kSave && held_ == Wish::kSave) held_ = Wish::kNone;  // that is the same one
  }
  const auto wish = static_cast<int>(std::exchange(held_, Wish::kNone));
  value_ = torch::full({1}, wish, torch::kInt32);  // on the host: no step waits for the GPU
  work_ = group_.all_reduce(value_, parallel::ReduceOp::kMax);
  return agreed;
}

void StepAgreement::finish() {
  work_.wait();
  value_.reset();
}

}  // namespace precinct::train
