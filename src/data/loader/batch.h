// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace precinct::data {

/// One micro-batch of windows on one device. Undefined tensors mean "not there".
struct Batch {
  at::Tensor counts;    // [B, T, N, C] f32: scaled log1p counts of the lookback; 0 where unobserved
  at::Tensor observed;  // [B, T, N] f32 0|1; undefined when the whole panel is observed
  at::Tensor calendar;  // [B, T+H, Fg] f32: calendar features of lookback and horizon
  at::Tensor day_slot;  // [B, T+H] i64: time bin of the day, 0 for daily and longer bins
  at::Tensor weekday;   // [B, T+H] i64: 0 = Monday; 0 for weekly and monthly bins
  at::Tensor x_origin;  // [B, N, Fo] f32: standardised log1p of the exponentially weighted means at
                        // the origin
  at::Tensor log_anchor;       // [B, H, N, C] f32: log max(mu0, 1e-4); undefined without anchor
  at::Tensor target;           // [B, H, N, C] f32 raw counts; undefined beyond the panel
  at::Tensor target_observed;  // [B, H, N] f32 0|1; undefined when all are observed
  at::Tensor origin;           // [B] i64: first output bin e
  at::Tensor
      position;  // [B] i64: place in the global order of the run (windows consumed), keys dropout
  std::int64_t num_windows() const { return origin.size(0); }
};

}  // namespace precinct::data
