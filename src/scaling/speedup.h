// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scaling/measurement.h"
#include "scaling/step_breakdown.h"

namespace precinct::scaling {

/// By how much of it a step's loss may differ from the serial run's: in the first steps by rounding
/// alone, later by what optimisers like Adam make of that (a factor of ten in some eight steps).
constexpr std::size_t kFirstSteps = 20;
constexpr double kLossTolerance = 1e-5;
constexpr double kLaterLossTolerance = 1e-3;
/// The loss of an anchored network hardly depends on its first updates; the norm of the gradients,
/// compared in the first steps, shows what is wrong on a rank.
constexpr double kNormTolerance = 1e-3;

struct Quartiles {
  double low = 0, median = 0, high = 0;
};

/// Linear between neighbours, as numpy's default. Zeros without values.
Quartiles quartiles(std::vector<double> values);

/// The first step that is not the serial run's.
struct Disagreement {
  std::string what;      // "loss", "gradient norm"
  std::size_t rank = 0;  // that saw it
  std::size_t step = 0;  // from 0
  double expected = 0, found = 0, tolerance = 0;
};

/// How far the steps of a run, as each of its ranks saw them, are from those of the serial run.
struct StepCheck {
  std::size_t num_steps = 0;      // compared
  double largest_difference = 0;  // of a loss, relative, before a disagreement
  std::optional<Disagreement> disagreement;
};
StepCheck compare_steps(const RunTimes& serial, const RunTimes& found);

/// What is said of one run; figures only where it was run and takes the steps of the serial run.
struct Row {
  std::string name;
  std::string refused;
  std::int64_t num_ranks = 1, threads = 1, micro_batch = 0;
  Quartiles step;  // seconds, the slowest rank of each step
  double windows_per_second = 0;
  StepCheck check;
  // nothing in an invalid row
  std::optional<Quartiles> speedup;  // over the fastest run in one process, of the rounds' medians
  std::optional<Quartiles> over_one_thread;
  std::optional<double> efficiency;  // over_one_thread by the cores in use
  StepParts parts;
  std::vector<Straggler> stragglers;
  double calls_per_step = 0, bytes_per_step = 0;

  bool is_offered() const { return refused.empty(); }
  bool is_valid() const { return is_offered() && !check.disagreement; }
};

/// One row a run, in their order.
std::vector<Row> rows_of(const Measurement& measurement);

/// A sentence of four parts for each row whose steps are not those of the serial run.
std::vector<std::string> invalid_rows(const Measurement& measurement);

/// What limits each layout, in a sentence made of measured figures alone.
std::vector<std::string> sentences(const Measurement& measurement);

}  // namespace precinct::scaling
