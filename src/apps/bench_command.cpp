// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/connected_world.h"
#include "apps/cuda_library.h"
#include "apps/installed_files.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/made_folders.h"
#include "data/store/panel_store.h"
#include "launch/process_guard.h"
#include "launch/rank_environment.h"
#include "launch/supervisor.h"
#include "scaling/run_matrix.h"
#include "scaling/scaling_report.h"
#include "scaling/speedup.h"
#include "train/ranks.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

struct BenchArguments {
  std::vector<std::string> files, assignments, layouts;
  std::int64_t num_ranks = 2, rounds = 7, steps = 5;
  double seconds = 0;
  std::string out = "out/scaling";
  bool json = false, no_table = false;
};

std::vector<config::ExperimentConfig> configs_of(const BenchArguments& a) {
  std::vector<config::ExperimentConfig> configs;
  for (const std::string& file : a.files) {
    configs.push_back(config::load_experiment({fs::path(file)}, a.assignments));
    const auto& config = configs.back();
    require_device(config.run.device);
    PRECINCT_CHECK(config.model.name != "baselines", ConfigError,
                   "{}: model.name: expected a network, found baselines, which is not trained in "
                   "steps; leave the file out",
                   file);
    config::require_panel(config);
  }
  return configs;
}

/// dpN, tpN and ppN, unless asked for others.
std::vector<std::string> layouts_of(const BenchArguments& a, std::int64_t num_ranks) {
  std::vector<std::string> layouts = a.layouts;
  if (layouts.empty() && num_ranks > 1)
    for (const char* axis : {"dp", "tp", "pp"})
      layouts.push_back(fmt::format("{}{}", axis, num_ranks));
  std::set<std::string> seen;
  for (const std::string& layout : layouts) {
    scaling::RankLayout::parse(layout, num_ranks);
    PRECINCT_CHECK(seen.insert(layout).second, ConfigError,
                   "--layouts: expected each layout once, found {} twice; leave one out", layout);
  }
  return layouts;
}

void check(const BenchArguments& a) {
  PRECINCT_CHECK(a.num_ranks >= 1 && a.num_ranks <= launch::ProcessGuard::kMaxGroups, ConfigError,
                 "--nproc: expected a number of ranks from 1 to {}, found {}; 2 is the default",
                 launch::ProcessGuard::kMaxGroups, a.num_ranks);
  PRECINCT_CHECK(a.rounds >= 1 && a.rounds <= 10'000, ConfigError,
                 "--rounds: expected a number from 1 to 10000, found {}; 7 is the default",
                 a.rounds);
  PRECINCT_CHECK(a.steps >= 1 && a.steps <= 10'000, ConfigError,
                 "--steps: expected a number from 1 to 10000, found {}; 5 is the default", a.steps);
  PRECINCT_CHECK(a.seconds >= 0, ConfigError,
                 "--seconds: expected seconds from 0, found {}; 0 sets no limit", a.seconds);
}

void print_report(const BenchArguments& a) {
  fmt::print("{}", read_file(fs::path(a.out) / (a.json ? "scaling.json" : "scaling.txt")));
  std::fflush(stdout);
}

/// This very command as the ranks of a job on this host; what they wrote is printed here, without
/// the marks that a launcher puts before the lines of a rank.
int start_ranks(const BenchArguments& a) {
  layouts_of(a, a.num_ranks);
  for (const auto& config : configs_of(a)) data::read_panel(config.data.panel, false);
  launch::LaunchOptions job;
  std::ifstream words("/proc/self/cmdline", std::ios::binary);
  for (std::string word; std::getline(words, word, '\0');) job.command.push_back(word);
  job.command.front() = fs::read_symlink("/proc/self/exe").string();
  // not at the end: there may be a "--" before
  const auto verb = std::find(job.command.begin(), job.command.end(), "scaling");
  job.command.insert(verb + 1, "--no-table");
  job.num_ranks = a.num_ranks;
  job.pins_cores = false;  // the run in one process may use all of them
  const fs::path report = fs::path(a.out) / "scaling.json";
  std::error_code none;
  fs::remove(report, none);  // of an earlier call
  launch::SupervisorOptions options;
  options.without_log_dir = "see what it wrote above";
  const int code = launch::supervise(job, options);
  if (fs::exists(report)) print_report(a);
  return code;
}

void write_report(const BenchArguments& a, const std::vector<scaling::Measurement>& measurements) {
  scaling::Origin origin = scaling::origin_here();
  origin.precinct = build_version();
  origin.command = command_line();
  origin.date = utc_now();
  const std::string verb = " scaling", mark = " --no-table";
  if (const auto at = origin.command.find(verb + mark); at != std::string::npos)
    origin.command.erase(at + verb.size(), mark.size());
  const fs::path out = a.out;
  write_file_atomically(out / "scaling.txt", scaling::text_report(origin, measurements));
  write_file_atomically(out / "scaling.md", scaling::markdown_report(origin, measurements));
  write_file_atomically(out / "scaling.json",
                        scaling::json_report(origin, measurements).dump(1) + "\n");
}

/// As one of the ranks.
int measure_here(const BenchArguments& a, const parallel::ProcessContext& context) {
  const auto configs = configs_of(a);
  const auto layouts = layouts_of(a, context.world_size);
  auto connection = train::connect_options(configs.front(), context);
  // the others wait as long as rank 0 runs alone
  connection.timeout =
      std::max<std::chrono::milliseconds>(connection.timeout, std::chrono::seconds(300));
  connection.heartbeat = {};     // a rank that waits its turn is none that hangs
  connection.checked_calls = 2;  // the first steps are not timed
  connection.device_id = gpu_address(connection.device_index);
  if (connection.device_index >= 0) register_nccl();
  const auto world = connected_world(context, connection);
  scaling::MatrixOptions options;
  options.layouts = layouts;
  options.rounds = a.rounds;
  options.steps = a.steps;
  options.seconds = a.seconds;
  options.cores = launch::allowed_cores();
  std::vector<scaling::Measurement> measurements;
  std::vector<std::string> invalid;
  for (const auto& config : configs) {
    const data::Panel panel = data::read_panel(config.data.panel, config.data.verify);
    measurements.push_back(
        scaling::measure(config, panel, data::panel_hash(config.data.panel), *world, options));
    if (context.rank != 0) continue;
    for (auto& row : scaling::invalid_rows(measurements.back())) invalid.push_back(std::move(row));
  }
  train::Ranks ranks(*world, [] {
    config::ExperimentConfig plain;
    plain.run.device = "cpu";
    return plain;
  }());
  const std::string verdict = ranks.of_leader(invalid.empty() ? "" : "invalid");
  ranks.part();
  if (context.rank == 0) {
    write_report(a, measurements);
    if (!a.no_table) print_report(a);
    for (const std::string& row : invalid) fmt::print(stderr, "precinct: {}\n", row);
  }
  return verdict.empty() ? 0 : static_cast<int>(ExitCode::kNumeric);
}

/// Finds out before anything is measured whether the folder can be written; an empty one that was
/// made goes again when there is nothing to put into it.
int run_with_folder(const fs::path& out, const std::function<int()>& run) {
  const MadeFolders folders(out);
  try {
    write_file_atomically(out / ".probe", "");
    fs::remove(out / ".probe");
    const int code = run();
    folders.remove_empty();
    return code;
  } catch (...) {
    folders.remove_empty();
    throw;
  }
}

int run_scaling(const BenchArguments& a) {
  check(a);
  const auto context = parallel::ProcessContext::from_environment();
  // a shell of Slurm (srun --pty) is a step of one task
  const bool is_alone =
      context.source == "none" || (context.source == "slurm" && context.world_size == 1);
  const bool starts_ranks = is_alone && a.num_ranks > 1;
  if (context.rank != 0) return measure_here(a, context);
  return run_with_folder(a.out,
                         [&] { return starts_ranks ? start_ranks(a) : measure_here(a, context); });
}

void add_scaling(CLI::App& bench, Action& action) {
  auto* command = bench.add_subcommand(
      "scaling", "parallel against serial training: the same steps in one process and on ranks");
  auto a = std::make_shared<BenchArguments>();
  command->add_option("config", a->files, "configuration files, one table each")->required();
  command
      ->add_option("--set", a->assignments, "one value, e.g. data.panel=FILE; may be given again")
      ->allow_extra_args(false);
  command
      ->add_option(
          "-n,--nproc,--ranks", a->num_ranks,
          "ranks to start on this host; below srun with several tasks, torchrun or precinct launch "
          "theirs are taken")
      ->capture_default_str();
  command
      ->add_option("--layouts", a->layouts,
                   "layouts of the ranks, e.g. dp2,tp2 or dp2xtp2 (default: dpN,tpN,ppN)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--rounds", a->rounds, "how often every run has its turn")
      ->capture_default_str();
  command->add_option("--steps", a->steps, "timed steps of a turn")->capture_default_str();
  command
      ->add_option("--seconds", a->seconds,
                   "begin no further round of a network after so many; 0: no limit")
      ->capture_default_str();
  command->add_option("--out", a->out, "folder for scaling.txt, scaling.md, scaling.json")
      ->capture_default_str();
  command->add_flag("--json", a->json, "print scaling.json instead of the table");
  command->add_flag("--no-table", a->no_table, "write the files, print nothing");
  command->footer(
      "Example: precinct bench scaling configs/west_la/gat_tcn.yaml --nproc 2 --out out/scaling\n"
      "A run in one process has the fastest number of threads on the same cores. A layout whose "
      "losses are not those of\n"
      "the run in one process is marked INVALID, and no speed-up is printed for it.\n"
      "Exit codes: 0 done; 2 command line or configuration; 3 the panel; 4 a rank was lost; 5 a "
      "row "
      "is invalid; 6 disk or file;\n"
      "8 device or memory; 70 an error in precinct itself; 128+n signal n ended it.");
  command->callback([a, &action] { action = [a] { return run_scaling(*a); }; });
}

}  // namespace

void add_bench_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("bench", "measurements: how fast training is, and why");
  command->require_subcommand(1);
  command->footer(
      "Example: precinct bench scaling configs/west_la/gat_tcn.yaml --nproc 2 --out out/scaling\n"
      "Exit codes: see precinct bench scaling --help.");
  add_scaling(*command, action);
}

}  // namespace precinct::apps
