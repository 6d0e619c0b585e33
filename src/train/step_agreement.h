// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "train/ranks.h"

namespace precinct::train {

/// What a rank wants done at the end of a step; the largest one is done by all.
enum class Wish : int { kNone = 0, kSave = 1, kLeave = 2, kFail = 3 };

/// Lets all ranks do the same at the end of the same step without waiting for each other: a
/// one-integer all-reduce of the host is started at each step and read at the next one. On a GPU,
/// whose steps are short and run behind, only every 8 steps. A world of one agrees with itself at
/// once.
class StepAgreement {
 public:
  explicit StepAgreement(Ranks& ranks);
  /// At the end of each step, on all ranks: what all ranks do now.
  Wish next(Wish mine);
  /// Before the group goes away: waits for what is under way.
  void finish();

 private:
  parallel::Communicator& group_;
  torch::Tensor value_;  // [1] i32, under way
  parallel::Work work_;
  std::int64_t period_, num_calls_ = 0;
  Wish held_ = Wish::kNone;  // until it is sent
};

}  // namespace precinct::train
