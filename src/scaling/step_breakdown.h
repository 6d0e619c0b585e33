// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "scaling/measurement.h"

namespace precinct::scaling {

/// Where the time of a run's step goes: seconds, mean over the ranks, median over the steps.
struct StepParts {
  double data = 0;
  double compute = 0;    // forward, loss, backward, update
  double waiting = 0;    // exposed communication: in calls, starting them and waiting for them
  double imbalance = 0;  // of waiting: what the rank with most work has more than the mean of them
};

StepParts parts_of(const RunTimes& run);

/// A rank whose own work takes clearly longer than that of the others.
struct Straggler {
  std::size_t rank = 0;
  std::string host;
  std::string phase;   // "load batch", "compute"
  double factor = 1;   // of the others' median
  double seconds = 0;  // more than theirs, a step
};

/// Ranks whose time of a phase is over 1.3 times the others' median, by more than the spread of
/// both (quartiles do not overlap) and by more than 5 % of the step.
std::vector<Straggler> stragglers_of(const RunTimes& run);

/// The longest rank of each step, seconds.
std::vector<double> step_seconds(const RunTimes& run);

}  // namespace precinct::scaling
