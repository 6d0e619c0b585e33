// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace precinct::apps {

/// What the chosen verb runs; returns the exit code.
using Action = std::function<int()>;

// One file <verb>_command.cpp each: adds the verb with its options; the verb's callback sets the
// action.
void add_ingest_command(CLI::App& app, Action& action);
void add_inspect_command(CLI::App& app, Action& action);
void add_config_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);
void add_report_command(CLI::App& app, Action& action);
void add_launch_command(CLI::App& app, Action& action);
void add_train_command(CLI::App& app, Action& action);
void add_evaluate_command(CLI::App& app, Action& action);
void add_bench_command(CLI::App& app, Action& action);
void add_submit_command(CLI::App& app, Action& action);
void add_forecast_command(CLI::App& app, Action& action);

/// The last lines of a verb's help where it has no codes of its own.
inline constexpr const char* kExitCodes =
    "\nExit codes: 0 done; 2 command line or configuration; 3 data that are damaged or do not fit; "
    "6 a file is\nmissing or cannot be written; 7 no usable checkpoint; 8 GPU or memory; 70 an "
    "error "
    "in precinct itself.";

/// All verbs of this build, in the order of a first use.
void add_all_commands(CLI::App& app, Action& action);

}  // namespace precinct::apps
