// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "scaling/measurement.h"

namespace precinct::test {

/// One rank whose steps all take the same time, in seconds.
inline scaling::RankTimes even_rank(double total, double data, double waiting,
                                    std::size_t steps = 6) {
  return {"host",
          std::vector<double>(steps, total),
          std::vector<double>(steps, data),
          std::vector<double>(steps, waiting),
          {0.5, 0.4, 0.3, 0.2},
          {4, 3, 2, 1}};
}

inline scaling::RunTimes made_run(const std::string& name, std::vector<scaling::RankTimes> ranks,
                                  std::int64_t threads = 1) {
  scaling::RunTimes run;
  run.name = name;
  if (name.starts_with("dp")) run.layout.dp = 2;
  if (name.starts_with("tp")) run.layout.tp = 2;
  if (name.starts_with("pp")) run.layout.pp = 2;
  run.threads = threads;
  run.micro_batch = 16;
  run.windows_per_step = 60;
  run.ranks = std::move(ranks);
  return run;
}

/// Serial with two threads 100 ms a step, with one 150 ms, dp2 75 ms: two cores, three rounds of
/// two steps.
inline scaling::Measurement made_measurement() {
  scaling::Measurement m;
  m.name = "made_dnn";
  m.network = "dnn";
  m.config_hash = "c0ffee";
  m.panel_hash = "beef";
  m.global_batch_size = 60;
  m.num_nodes = 9;
  m.lookback = 10;
  m.horizon = 3;
  m.num_parameters = 1234;
  m.num_ranks = 2;
  m.cores = 2;
  m.backend = "gloo";
  m.device = "cpu";
  m.warm_up_steps = 2;
  m.settle_steps = 1;
  m.rounds = 3;
  m.steps_per_round = 2;
  m.trials = {{1, 0.15}, {2, 0.1}};
  m.runs = {made_run("serial", {even_rank(0.1, 0.001, 0)}, 2),
            made_run("one thread", {even_rank(0.15, 0.001, 0)}),
            made_run("dp2", {even_rank(0.075, 0.0005, 0.003), even_rank(0.075, 0.0005, 0.003)})};
  m.runs.back().calls_per_step = 2;
  m.runs.back().bytes_per_step = 158'300;
  return m;
}

}  // namespace precinct::test
