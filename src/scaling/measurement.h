// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scaling/rank_layout.h"

namespace precinct::scaling {

/// What one rank measured and saw. Times are in seconds, one value a timed step.
struct RankTimes {
  std::string host;
  std::vector<double> total;    // from the wish for a batch to the loss of the step
  std::vector<double> data;     // of it: gathering the batch
  std::vector<double> waiting;  // of it: in calls of communication, starting them and waiting
  // of every step from the first, those that are not timed among them
  std::vector<double> losses, gradient_norms;
};

/// The steps of one way to train the network: in one process, or laid out over the ranks.
struct RunTimes {
  std::string name;  // "serial", "one thread", "dp2"
  RankLayout layout;
  std::int64_t threads = 1;      // of each rank
  std::int64_t micro_batch = 0;  // windows of one forward pass, at most
  double windows_per_step = 0;   // of all ranks, mean of the timed steps
  std::string refused;           // why the network does not offer this layout; empty when it does
  std::vector<RankTimes> ranks;
  double calls_per_step = 0;  // of communication, on the rank that sends most
  double bytes_per_step = 0;  // sent by it
};

/// Seconds of a step with so many threads in one process.
struct ThreadTrial {
  std::int64_t threads = 1;
  double seconds = 0;
};

/// Everything that was measured for one network: raw times, from which every table is made.
struct Measurement {
  std::string name;         // of the configuration: west_la_gat_tcn
  std::string network;      // gat_tcn
  std::string config_hash;  // config::training_hash()
  std::string panel_hash;
  std::int64_t global_batch_size = 0;
  std::int64_t num_nodes = 0, lookback = 0, horizon = 0;
  std::int64_t num_parameters = 0;
  std::int64_t num_ranks = 1;
  std::int64_t cores = 1;          // that the ranks may use together, on all hosts
  std::string backend;             // "gloo"; "local" in a world of one
  std::string device;              // "cpu"
  std::int64_t warm_up_steps = 0;  // at the start of each run
  std::int64_t settle_steps = 0;   // at the start of each later turn, not timed either
  std::int64_t rounds = 0;
  std::int64_t steps_per_round = 0;
  std::vector<ThreadTrial> trials;  // how the threads of "serial" were chosen
  std::vector<RunTimes> runs;       // "serial" first
};

void to_json(nlohmann::json& json, const RankTimes& times);
void from_json(const nlohmann::json& json, RankTimes& times);
void to_json(nlohmann::json& json, const RunTimes& run);
void from_json(const nlohmann::json& json, RunTimes& run);
void to_json(nlohmann::json& json, const Measurement& measurement);
void from_json(const nlohmann::json& json, Measurement& measurement);

}  // namespace precinct::scaling
