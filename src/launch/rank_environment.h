// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace precinct::launch {

/// What a rank is told of its place in the job.
struct RankPlace {
  std::int64_t rank = 0;
  std::int64_t num_ranks = 1;      ///< all of them on this host
  std::int64_t restart_count = 0;  ///< the ranks of each attempt meet under a prefix of their own
  std::uint16_t port = 0;          ///< of the store, which the launcher holds
  std::string job_token;           ///< equal on all ranks, other for other jobs
  int num_threads = 1;             ///< OMP_NUM_THREADS, unless it is set already
};

/// `inherited` ("NAME=value" each) with torchrun's variables for this rank, which
/// parallel::ProcessContext and other programs read. Those of an outer launcher of the same kind
/// are replaced.
std::vector<std::string> rank_environment(const std::vector<std::string>& inherited,
                                          const RankPlace& place);

/// This process's environment, "NAME=value" each.
std::vector<std::string> own_environment();

/// The cores that this process may use, ascending; empty when the kernel does not say.
std::vector<int> allowed_cores();

/// The share of one rank: as many neighbouring cores as every other rank gets. Empty (run anywhere)
/// when there are more ranks than cores.
std::vector<int> cores_of_rank(const std::vector<int>& allowed, std::int64_t rank,
                               std::int64_t num_ranks);

/// Threads of each rank when nobody says otherwise: its share of the cores, at least 1.
int threads_per_rank(const std::vector<int>& allowed, std::int64_t num_ranks);

}  // namespace precinct::launch
