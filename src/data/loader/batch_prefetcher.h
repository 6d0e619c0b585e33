// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/loader/resident_series.h"
#include "data/loader/window_sampler.h"

namespace precinct::data {

/// One global batch of one rank, as micro-batches.
struct StepBatches {
  std::vector<Batch> micro_batches;  // of this rank; may be empty when the rank ran out
  std::int64_t num_global_windows = 0;
  double num_observed_cells =
      0;  // loss denominator of the whole global batch, known before the backward pass
  std::int64_t consumed_after = 0;  // cursor after this step
};

/// Gathers the batches of the coming steps in threads of its own, in order, through a bounded
/// queue. An exception of a thread reaches the caller of next() in the failed step's place, and
/// again at each later call; the destructor stops and joins. The constructor throws DeviceError
/// when there is no room for the threads.
class BatchPrefetcher {
 public:
  struct Options {
    std::int64_t micro_batch_size = 0;  // 0 = whole slice
    std::int64_t dp_rank = 0;
    std::int64_t dp_size = 1;
    std::int64_t canonical_shards = 0;  // > 0: micro-batches are the rank's share of so many parts
                                        // of the global batch, the empty ones left out
    std::int64_t prefetch = 2;          // steps; 0 = gather in the caller's thread
    std::int64_t threads = 1;
  };
  BatchPrefetcher(const ResidentSeries& series, const WindowSampler& sampler, std::int64_t consumed,
                  Options options);
  ~BatchPrefetcher();
  StepBatches next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace precinct::data
