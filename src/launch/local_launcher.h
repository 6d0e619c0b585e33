// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "launch/job_watch.h"
#include "launch/rank_process.h"
#include "parallel/process_context.h"

namespace precinct::parallel {
class StoreServer;
}

namespace precinct::launch {

/// Which processes a job consists of.
struct LaunchOptions {
  std::vector<std::string> command;  ///< the same for all ranks; the first word is a path
  std::int64_t num_ranks = 1;
  /// Each rank runs on its own share of the cores, unless there are more ranks or threads than
  /// cores.
  bool pins_cores = true;
  /// One process that has its rank variables already (from srun, say) and keeps them.
  bool is_agent = false;
};

/// Starts the ranks of a job on this host and holds the store through which they meet, so that no
/// port is free when it is chosen and taken when it is used. The agent of rank 0 holds it too, when
/// the rank is a precinct and would hold it otherwise: a rank that is stopped does not answer.
class LocalLauncher {
 public:
  /// Listens on the loopback interface, an agent where serve_store() does. Throws ConfigError and
  /// CommError when it cannot.
  explicit LocalLauncher(LaunchOptions options);
  ~LocalLauncher();
  const LaunchOptions& options() const { return options_; }
  /// Number of the first rank: 0, or that of an agent's only rank.
  std::int64_t first_rank() const { return agent_of_.rank; }
  /// Whether this is an agent that holds the store of ranks elsewhere, too.
  bool is_holding_agent() const { return options_.is_agent && store_ != nullptr; }
  std::int64_t world_size() const;
  /// Whether the command is this very program.
  bool runs_precinct() const { return runs_precinct_; }
  /// Where the ranks of start `restart_count` say how far they are.
  JobWatch watch(std::int64_t restart_count) const;
  /// All ranks, in their order. When one cannot be started, those before it are killed. Throws what
  /// RankProcess throws. Call it from the main thread: a rank ends with the thread that started it.
  std::vector<RankProcess> start(std::int64_t restart_count) const;

 private:
  LaunchOptions options_;
  parallel::ProcessContext agent_of_;  ///< an agent's rank
  std::unique_ptr<parallel::StoreServer> store_;
  std::string job_token_;
  bool runs_precinct_ = false;
};

}  // namespace precinct::launch
