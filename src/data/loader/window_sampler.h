// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/loader/split.h"

namespace precinct::data {

/// One training window: its first output bin and its place in the global order of the run.
struct WindowRef {
  std::int64_t origin = 0;
  std::int64_t position = 0;
};

/// The order of training windows: a keyed permutation of (seed, epoch); pure, so that the only
/// state of a run is one integer, the number of windows consumed.
class WindowSampler {
 public:
  WindowSampler(std::vector<std::int64_t> origins, std::uint64_t seed,
                std::int64_t global_batch_size);
  std::int64_t num_windows() const { return static_cast<std::int64_t>(origins_.size()); }
  std::int64_t steps_per_epoch() const;
  std::int64_t epoch_of(std::int64_t consumed) const;
  /// The global batch that starts after `consumed` windows; short at the end of an epoch, never
  /// empty.
  std::vector<WindowRef> global_batch(std::int64_t consumed) const;

 private:
  std::vector<std::int64_t> origins_;
  std::uint64_t seed_;
  std::int64_t global_batch_size_;
};

/// Slice of a global batch for one dp index: consecutive, sizes differ by at most one; the union is
/// all.
std::span<const WindowRef> rank_slice(std::span<const WindowRef> batch, std::int64_t dp_rank,
                                      std::int64_t dp_size);

/// Every `stride`-th origin of a range.
std::vector<std::int64_t> list_origins(const BinRange& origins, std::int64_t stride);

}  // namespace precinct::data
