// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace precinct::config {

/// Parts of a global batch with train.deterministic (parallel/canonical_sum.h).
inline constexpr std::int64_t kCanonicalShards = 12;

/// `parallel:`; degrees multiply to the world size.
struct ParallelConfig {
  std::int64_t dp = -1;  // the rest of the world
  std::int64_t tp = 1;
  std::int64_t pp = 1;
  std::string backend = "auto";  // auto|nccl|gloo
  double bucket_mb = 1.0;
  std::int64_t num_micro_batches = 1;
  std::string schedule = "1f1b";  // gpipe|1f1b
  bool check = false;
  double timeout_seconds = 60;
  double heartbeat_seconds = 10;
};

}  // namespace precinct::config
