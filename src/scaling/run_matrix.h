// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "data/panel.h"
#include "parallel/world.h"
#include "scaling/measurement.h"
#include "train/learner.h"

namespace precinct::scaling {

/// Looks into the runs from inside, on each rank; tests plant their faults through it.
class RunProbe {
 public:
  virtual ~RunProbe() = default;
  /// A run's learner was built, before its first step.
  virtual void on_built(const std::string& /*run*/, train::Learner&) {}
  /// While the batch of a step is gathered; `step` counts from 0.
  virtual void on_load(const std::string& /*run*/, std::int64_t /*step*/) {}
};

struct MatrixOptions {
  std::vector<std::string> layouts;  // "dp2", see RankLayout
  std::int64_t rounds = 7;
  std::int64_t steps = 5;  // timed ones of each run in each round
  double seconds = 0;      // > 0: no new round after so many, counted from the first one
  std::vector<int> cores;  // numbers of those that this rank may use
  RunProbe* probe = nullptr;
};

/// Trains one network in one process and in each layout side by side, in rounds: each round runs
/// every one of them for the same number of steps, in an order that rotates; all of them are built
/// once and stay. While rank 0 runs alone the others wait without using their cores. All runs start
/// from the same weights and see the same windows; batches are gathered inside the step, so that no
/// run works while another is timed.
///
/// "serial" is the fastest run in one process: thread counts 1, 2, 4, ... up to all cores are tried
/// for a few steps each; "one thread" is a run of its own where another count is faster. Ranks of a
/// layout share the cores. A pipeline takes parallel.num_micro_batches micro-batches, or four times
/// its stages where that is 1.
///
/// All ranks call it with the same arguments; rank 0 gets everything, the others an empty
/// Measurement. Throws ConfigError when ranks have other configurations or panels.
Measurement measure(const config::ExperimentConfig& config, const data::Panel& panel,
                    const std::string& panel_hash, parallel::World& world,
                    const MatrixOptions& options);

}  // namespace precinct::scaling
