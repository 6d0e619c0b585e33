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

/// All verbs of this build, in the order of a first use.
void add_all_commands(CLI::App& app, Action& action);

}  // namespace precinct::apps
