// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <span>

#include "data/features/feature_set.h"
#include "data/loader/batch.h"
#include "data/loader/window_sampler.h"
#include "data/panel.h"

namespace precinct::data {

/// The whole series once, on the host or on a device; batches are gathered from it by index.
class ResidentSeries {
 public:
  /// Keeps references to panel and features: both must outlive it.
  ResidentSeries(const Panel& panel, const FeatureSet& features, std::int64_t lookback,
                 std::int64_t horizon, c10::Device device);
  /// One batch, on the device. Origins may reach num_bins (no target then). Thread-safe.
  Batch gather(std::span<const WindowRef> windows) const;
  c10::Device device() const { return device_; }

 private:
  const Panel& panel_;
  const FeatureSet& features_;
  std::int64_t lookback_, horizon_;
  c10::Device device_;
  at::Tensor counts_;    // [T_total, N, C] u8|i16|i32
  at::Tensor observed_;  // [T_total, N] u8
  at::Tensor calendar_, day_slot_, weekday_, origin_;
};

}  // namespace precinct::data
