// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/config_files.h"
#include "apps/cuda_library.h"
#ifdef PRECINCT_TORCH
#include "apps/torch_log.h"
#endif
#include "apps/usage_text.h"
#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"

int main(int argc, char** argv) {
  precinct::apps::load_cuda_library(argc, argv);  // before LibTorch is asked anything
  CLI::App app{"precinct: spatio-temporal forecasts of counts per district, with honest baselines"};
  app.set_version_flag("--version", "precinct " + precinct::apps::build_version());
  app.require_subcommand(1);
  app.footer(
      "Start with: precinct ingest --help. The two commands of a first day: scripts/quickstart, "
      "scripts/test.");
  app.fallthrough();  // --quiet and --verbose may stand behind the verb too
  bool quiet = false, verbose = false;
  app.add_flag("--quiet", quiet, "no progress on stderr");
  app.add_flag("--verbose", verbose, "debug lines in the log");
  precinct::apps::Action action;
  precinct::apps::add_all_commands(app, action);
#ifdef PRECINCT_TORCH
  precinct::apps::let_torch_print_errors_only();
#endif
  std::signal(SIGXFSZ, SIG_IGN);  // past a limit of file size, writes fail and are reported
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0 && !precinct::apps::names_unknown_verb(app))
      return app.exit(error);  // --help, --version
    std::fprintf(stderr, "precinct: %s\n", precinct::apps::usage_text(app, error).c_str());
    return static_cast<int>(precinct::ExitCode::kUsage);
  }
  try {
    precinct::start_logging(verbose);
    precinct::Progress::set_quiet(quiet);
    precinct::apps::check_no_empty_value(app);
    precinct::apps::require_text_configs(app);
    const int code = action();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw precinct::IoError(
          "standard output: expected to write all of it, found that it takes no more; make room, "
          "or "
          "look at what reads it");
    return code;
  } catch (const std::exception& exception) {  // one line on stderr
    const precinct::Error error = precinct::as_error(exception);
    std::fprintf(stderr, "precinct: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
