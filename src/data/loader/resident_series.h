// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <span>

#include "data/features/feature_set.h"
#include "data/loader/batch.h"
#include "data/loader/window_sampler.h"
#include "data/panel.h"
#include "kernels/window_gather.h"

namespace precinct::data {

/// The whole series once, on the host or on a device; batches are gathered from it by index.
/// Windows are never stored.
class ResidentSeries {
 public:
  /// Keeps references to panel and features: both must outlive it. Batches come out on `device`;
  /// the series lies there too unless `on_host`, for panels larger than the device's memory.
  ResidentSeries(const Panel& panel, const FeatureSet& features, std::int64_t lookback,
                 std::int64_t horizon, c10::Device device, bool on_host = false);
  /// One batch, on the device. Origins lie in lookback..num_bins; where the horizon passes the
  /// panel's end there is no target. Thread-safe. Throws DataError for an origin without enough
  /// bins before it.
  Batch gather(std::span<const WindowRef> windows) const;
  /// Observed target cells of windows, without gathering them: the denominator of a global batch.
  double num_observed_cells(std::span<const WindowRef> windows) const;
  c10::Device device() const { return device_; }         ///< of the batches
  c10::Device home() const { return counts_.device(); }  ///< of the series
  std::int64_t lookback() const { return lookback_; }
  std::int64_t horizon() const { return horizon_; }
  /// Bytes that the series, its features and its anchor hold.
  std::int64_t resident_bytes() const;

 private:
  Batch gather_at_home(std::span<const WindowRef> windows) const;
  at::Tensor gather_anchor(std::span<const WindowRef> windows) const;

  const Panel& panel_;
  const FeatureSet& features_;
  std::int64_t lookback_, horizon_;
  c10::Device device_;
  at::Tensor counts_;  // [T_total, N, C] u8 | u16 | i32
  at::Tensor table_;   // [K, C] scaled log1p of each count
  kernels::WindowSource source_;
  at::Tensor observed_;  // [T_total, N] f32, undefined when all are observed
  at::Tensor calendar_, day_slot_, weekday_, origin_;
};

}  // namespace precinct::data
