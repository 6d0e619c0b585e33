// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "base/error.h"
#include "launch/process_guard.h"
#include "launch/rank_process.h"
#include "launch/supervisor.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

struct LaunchArguments {
  std::int64_t num_ranks = 1, max_restarts = 0;
  double grace_seconds = 2;
  std::string log_dir;
  bool is_agent = false, may_roam = false;
  std::vector<std::string> program;
};

/// How many words of this process's command line follow the first "--"; nothing without one.
std::optional<std::size_t> words_after_mark() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::optional<std::size_t> count;
  for (std::string word; std::getline(file, word, '\0');) {
    if (count)
      ++*count;
    else if (word == "--")
      count = 0;
  }
  return count;
}

/// Several ranks of a verb that knows of none would each do all of it, and write the same files.
void check_verb(const LaunchArguments& a, const CLI::App& precinct) {
  if (a.num_ranks == 1 || fs::path(a.program.front()).filename() != "precinct") return;
  const auto verb = std::find_if(a.program.begin() + 1, a.program.end(), [&](const auto& word) {
    return !precinct.get_subcommands([&](const CLI::App* one) { return one->check_name(word); })
                .empty();
  });
  if (verb == a.program.end()) return;
  for (const char* parallel : {"train", "bench", "doctor"})
    if (*verb == parallel) return;
  throw ConfigError(
      fmt::format("launch: expected train, bench scaling, doctor or another program, found "
                  "'precinct {}', which each of the {} ranks would do whole; run it without launch",
                  *verb, a.num_ranks));
}

void check(const LaunchArguments& a) {
  PRECINCT_CHECK(words_after_mark() == a.program.size(), ConfigError,
                 "launch: expected '--' before the program, found '{}' without it; write precinct "
                 "launch --nproc {} -- {} ...",
                 a.program.front(), a.num_ranks, a.program.front());
  PRECINCT_CHECK(a.num_ranks >= 1 && a.num_ranks <= launch::ProcessGuard::kMaxGroups, ConfigError,
                 "--nproc: expected a number of ranks from 1 to {}, found {}; one per GPU, or per "
                 "few cores, is usual",
                 launch::ProcessGuard::kMaxGroups, a.num_ranks);
  PRECINCT_CHECK(a.max_restarts >= 0, ConfigError,
                 "--max-restarts: expected a number from 0, found {}; 0 never starts again",
                 a.max_restarts);
  PRECINCT_CHECK(a.grace_seconds >= 0 && a.grace_seconds <= 3600, ConfigError,
                 "--grace: expected seconds from 0 to 3600, found {}; 2 is the default",
                 a.grace_seconds);
  PRECINCT_CHECK(!a.is_agent || (a.num_ranks == 1 && a.max_restarts == 0), ConfigError,
                 "--agent: expected one process and no restarts, found --nproc {} and "
                 "--max-restarts {}; with --agent, srun starts the ranks and requeues them",
                 a.num_ranks, a.max_restarts);
}

int run_launch(const LaunchArguments& a, const CLI::App& precinct) {
  check(a);
  check_verb(a, precinct);
  launch::LaunchOptions job;
  job.command = a.program;
  // the word alone means this very program, whether it is on PATH or not
  job.command.front() = a.program.front() == "precinct"
                            ? fs::read_symlink("/proc/self/exe").string()
                            : launch::find_program(a.program.front());
  job.num_ranks = a.num_ranks;
  job.pins_cores = !a.may_roam;
  job.is_agent = a.is_agent;
  launch::SupervisorOptions options;
  options.max_restarts = a.max_restarts;
  options.grace = std::chrono::milliseconds(std::llround(a.grace_seconds * 1e3));
  options.log_dir = a.log_dir;
  return launch::supervise(job, options);
}

}  // namespace

void add_launch_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "launch", "the ranks of a parallel job on this host: started, watched, started again");
  auto a = std::make_shared<LaunchArguments>();
  command->add_option("-n,--nproc,--ranks", a->num_ranks, "number of ranks")->capture_default_str();
  command
      ->add_option("--max-restarts", a->max_restarts,
                   "how often all ranks start again when one was killed or lost another")
      ->capture_default_str();
  command->add_option("--log-dir", a->log_dir, "folder for the output of each rank, rank-<r>.log");
  command
      ->add_option("--grace", a->grace_seconds,
                   "seconds between SIGTERM and SIGKILL for the ranks left when one has failed")
      ->capture_default_str();
  command->add_flag("--no-pin", a->may_roam,
                    "let ranks run on all cores instead of each on its own share");
  command->add_flag("--agent", a->is_agent,
                    "watch one rank that has its variables already (below srun)");
  command->add_option("program", a->program, "program and its arguments, after --")->required();
  command->footer(
      "Example: precinct launch --nproc 2 --max-restarts 3 -- precinct train "
      "configs/west_la/crimenet.yaml\n"
      "Any program will do; it finds RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR "
      "and MASTER_PORT.\n"
      "The bare word precinct after -- is this very program, whether it is on the PATH or not.\n"
      "Ctrl-C, SIGTERM, SIGHUP (as SIGTERM) and SIGUSR1 go to all ranks, which save and end; a "
      "second Ctrl-C or SIGTERM\n"
      "ends what is left after the grace. Ctrl-Z is not followed: the ranks need this process.\n"
      "When a rank fails, the others end too. One that hangs is named by those that\n"
      "wait for it, after twice parallel.heartbeat_seconds or more; all end with 4, and "
      "--max-restarts starts them again.\n"
      "Exit codes: 0 all ranks did well; 75 stopped after saving: run it again; 4 a rank was "
      "killed, hung or lost another;\n"
      "8 out of memory; 128+n ended by signal n that came from outside; else the code of the rank "
      "at fault.");
  command->callback([a, &action, &app] { action = [a, &app] { return run_launch(*a, app); }; });
}

}  // namespace precinct::apps
