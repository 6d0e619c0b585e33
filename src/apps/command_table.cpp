// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/commands.h"

namespace precinct::apps {

void add_all_commands(CLI::App& app, Action& action) {
  add_ingest_command(app, action);
  add_inspect_command(app, action);
  add_config_command(app, action);
#ifdef PRECINCT_TORCH
  add_train_command(app, action);
  add_evaluate_command(app, action);
  add_forecast_command(app, action);
  add_report_command(app, action);
  add_launch_command(app, action);
  add_bench_command(app, action);
#endif
  add_submit_command(app, action);
  add_doctor_command(app, action);
}

}  // namespace precinct::apps
