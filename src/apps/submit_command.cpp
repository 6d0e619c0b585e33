// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/commands.h"
#include "apps/installed_files.h"
#include "base/error.h"
#include "base/made_folders.h"
#include "config/experiment_config.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

struct SubmitArguments {
  std::vector<std::string> files, assignments, sbatch_options;
  std::string run_dir, time;
  std::int64_t nodes = 1, gpus_per_node = 0, ranks_per_node = 0, cores_per_rank = 0;
  bool dry_run = false, json = false;
};

/// Values of the cluster: the file that is named, that of this folder, that beside the script;
/// empty when there is none.
std::string site_file(const fs::path& scripts) {
  if (const char* named = std::getenv("PRECINCT_SITE_ENV"); named != nullptr && *named != '\0') {
    PRECINCT_CHECK(fs::exists(named), ConfigError,
                   "PRECINCT_SITE_ENV: expected a file with values of the cluster, found none at "
                   "'{}'; correct or unset it",
                   named);
    return named;
  }
  for (const fs::path& folder : {fs::current_path() / "scripts" / "slurm", scripts})
    if (fs::exists(folder / "site.env")) return (folder / "site.env").string();
  return "";
}

/// sbatch on PATH; empty when there is none.
std::string find_sbatch() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = (folder.empty() ? "." : folder) + "/sbatch";
    if (::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file)) return file;
  }
  return "";
}

/// The command with its variables, and what it will write.
struct Job {
  std::vector<std::string> variables;  // NAME=value
  std::vector<std::string> words;
  std::string run_folder, log;  // %j stands for the job's number in the log
};

std::int64_t ranks_per_node(const SubmitArguments& a) {
  return a.ranks_per_node > 0 ? a.ranks_per_node : std::max<std::int64_t>(1, a.gpus_per_node);
}

/// What the ranks would say when the job's turn has come; sbatch's own options may say another
/// number of tasks, then it is left to the ranks.
void check_degrees(const SubmitArguments& a, const config::ParallelConfig& p) {
  for (const auto& option : a.sbatch_options)
    PRECINCT_CHECK(option.starts_with('-'), ConfigError,
                   "--sbatch: expected an option that begins with '-', found '{}'; write "
                   "--sbatch=--partition=gpu",
                   option);
  for (const auto& option : a.sbatch_options)
    if (option.starts_with("--n") || option.starts_with("-n") || option.starts_with("-N")) return;
  const std::int64_t ranks = a.nodes * ranks_per_node(a), others = p.pp * p.tp;
  PRECINCT_CHECK(p.dp == -1 ? ranks % others == 0 : p.dp * others == ranks, ConfigError,
                 "parallel.dp x parallel.pp x parallel.tp: expected sizes that multiply to the "
                 "job's {} ranks ({} hosts x {}), found {} x {} x {}; change one of them, --nodes "
                 "or --ranks-per-node",
                 ranks, a.nodes, ranks_per_node(a), p.dp, p.pp, p.tp);
}

/// What the job would say in its first seconds, hours later.
void check_job(const SubmitArguments& a, const config::ExperimentConfig& config) {
  config::require_panel(config);
  PRECINCT_CHECK(fs::exists(config.data.panel), IoError,
                 "{}: expected a panel, found no such file; make one with 'precinct ingest', name "
                 "its place (--set data.panel=FILE), or submit where the file can be seen",
                 config.data.panel);
  config::require_that_keys_agree(config);
  check_degrees(a, config.parallel);
}

Job job_of(const SubmitArguments& a, const config::ExperimentConfig& config) {
  Job job;
  const fs::path run =
      absolute_folder(a.run_dir.empty() ? fs::path(config.run.output) / config::run_name(config)
                                        : fs::path(a.run_dir));
  job.run_folder = run.string();
  job.log = job.run_folder + "-%j.out";
  const fs::path scripts = installed_folder("scripts/slurm");
  job.variables.push_back("PRECINCT=" + fs::read_symlink("/proc/self/exe").string());
  if (const std::string site = site_file(scripts); !site.empty())
    job.variables.push_back("PRECINCT_SITE_ENV=" + site);
  job.words = {"sbatch",
               "--parsable",
               "--export=ALL",  // also where the site's own default is another one
               "--job-name=" + run.filename().string(),
               "--output=" + job.log,
               fmt::format("--nodes={}", a.nodes),
               fmt::format("--ntasks-per-node={}", ranks_per_node(a))};
  if (a.gpus_per_node > 0) job.words.push_back(fmt::format("--gpus-per-node={}", a.gpus_per_node));
  if (a.cores_per_rank > 0)
    job.words.push_back(fmt::format("--cpus-per-task={}", a.cores_per_rank));
  if (!a.time.empty()) job.words.push_back("--time=" + a.time);
  job.words.insert(job.words.end(), a.sbatch_options.begin(), a.sbatch_options.end());
  job.words.push_back((scripts / "train.sbatch").string());
  job.words.insert(job.words.end(), a.files.begin(), a.files.end());
  for (const auto& assignment : a.assignments)
    job.words.insert(job.words.end(), {"--set", assignment});
  job.words.insert(job.words.end(), {"--run-dir", job.run_folder});
  return job;
}

/// What sbatch says, output and errors together, and its exit code.
std::pair<std::string, int> run_sbatch(const std::string& program, const Job& job) {
  std::array<int, 2> pipe{};
  PRECINCT_CHECK(::pipe2(pipe.data(), O_CLOEXEC) == 0, IoError, "{}",
                 errno_text("pipe to sbatch", errno));
  const pid_t child = ::fork();
  PRECINCT_CHECK(child >= 0, IoError, "{}", errno_text("sbatch", errno));
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    for (const auto& variable : job.variables) ::putenv(const_cast<char*>(variable.c_str()));
    std::vector<char*> words;
    for (const auto& word : job.words) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execv(program.c_str(), words.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0;;) {
    count = ::read(pipe[0], buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(pipe[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {text, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
}

/// sbatch --parsable writes "NUMBER" or "NUMBER;CLUSTER", maybe after warnings; empty without one.
std::string job_number(const std::string& said) {
  std::string number;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    const std::string word = line.substr(0, line.find(';'));
    if (!word.empty() && word.find_first_not_of("0123456789") == std::string::npos) number = word;
  }
  return number;
}

/// sbatch's own words as an error: 4 when its controller does not answer, else 2.
[[noreturn]] void refuse(std::string said, int status) {
  while (!said.empty() && said.back() == '\n') said.pop_back();
  std::replace(said.begin(), said.end(), '\n', ' ');
  if (said.empty()) said = fmt::format("nothing, exit code {}", status);
  for (const char* lost : {"Unable to contact", "Connection refused", "Connection timed out",
                           "Socket timed out", "fetch config"})
    if (said.find(lost) != std::string::npos)
      throw CommError(fmt::format(
          "sbatch: expected an answer of Slurm's controller, found '{}'; see whether sinfo answers "
          "on this host",
          said));
  throw ConfigError(fmt::format(
      "sbatch: expected the job to be queued, found '{}'; look at the command with --dry-run",
      said));
}

void print_json(const nlohmann::json& json) { fmt::print("{}\n", json.dump(2)); }

std::string log_of(const Job& job, const std::string& number) {
  std::string log = job.log;
  return log.replace(log.rfind("%j"), 2, number);
}

int run_submit(const SubmitArguments& a) {
  const std::vector<fs::path> files(a.files.begin(), a.files.end());
  // a mistake is said now and not when the job's turn has come
  const auto config = config::load_experiment(files, a.assignments);
  check_job(a, config);
  const Job job = job_of(a, config);
  PRECINCT_CHECK(job.run_folder.find('%') == std::string::npos, ConfigError,
                 "--run-dir: expected a path without '%', which Slurm replaces in the log's name, "
                 "found '{}'; choose another",
                 job.run_folder);
  if (a.dry_run) {
    const std::string command =
        fmt::format("{} {}", shell_words(job.variables), shell_words(job.words));
    if (a.json)
      print_json({{"command", command}, {"run_folder", job.run_folder}, {"log", job.log}});
    else
      fmt::print("{}\n", command);
    return 0;
  }
  const std::string program = find_sbatch();
  PRECINCT_CHECK(!program.empty(), ConfigError,
                 "sbatch: expected Slurm's sbatch on PATH, found none; run this on a login host of "
                 "the cluster, load its Slurm module, or see the command with --dry-run");
  std::error_code error;
  fs::create_directories(fs::path(job.log).parent_path(), error);
  PRECINCT_CHECK(!error, IoError,
                 "{}: expected a folder for the log, found '{}'; choose another "
                 "--run-dir",
                 fs::path(job.log).parent_path().string(), error.message());
  const auto [said, status] = run_sbatch(program, job);
  const std::string number = job_number(said);
  if (status != 0 || number.empty()) refuse(said, status);
  const std::string log = log_of(job, number);
  if (a.json) {
    print_json({{"job", number}, {"run_folder", job.run_folder}, {"log", log}});
  } else {
    fmt::print("job {}\nlog {}\nrun {}\n", number, log, job.run_folder);
  }
  return 0;
}

}  // namespace

void add_submit_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("submit", "trains a configuration as a Slurm job");
  auto a = std::make_shared<SubmitArguments>();
  command->add_option("config", a->files, "configuration files, merged left to right")->required();
  command->add_option("--set", a->assignments, "one value, e.g. train.epochs=5; may be given again")
      ->allow_extra_args(false);
  command->add_option("--run-dir", a->run_dir, "folder of the run (default: run.output/run.name)");
  const auto count = [&](const char* name, std::int64_t& value, int least, const char* text) {
    command->add_option(name, value, text)->check(CLI::Range(least, 100'000));
  };
  count("--nodes", a->nodes, 1, "hosts (default: 1)");
  count("--gpus-per-node", a->gpus_per_node, 0, "GPUs of each host (default: none)");
  count("--ranks-per-node", a->ranks_per_node, 1,
        "ranks of each host (default: one a GPU, else 1)");
  count("--cores-per-rank", a->cores_per_rank, 1,
        "CPU cores of each rank (default: the cluster's)");
  command->add_option("--time", a->time, "longest time of one start, e.g. 8:00:00");
  command
      ->add_option("--sbatch", a->sbatch_options,
                   "one more option of sbatch, e.g. --sbatch=--partition=gpu; may be given again")
      ->allow_extra_args(false);
  command->add_flag("--dry-run", a->dry_run, "print the whole command; submit nothing");
  command->add_flag(
      "--json", a->json,
      "number of the job (with --dry-run the command), its log and its run folder as JSON");
  command->footer(
      "Example: precinct submit configs/west_la/crimenet.yaml --nodes 2 --gpus-per-node 4 --time "
      "8:00:00 --dry-run\n"
      "The job is scripts/slurm/train.sbatch: it saves before its time ends, is queued again and "
      "goes on.\n"
      "Values of the cluster come from site.env (PRECINCT_SITE_ENV, ./scripts/slurm or beside the "
      "script).\n"
      "Exit codes: 2 when Slurm refuses the job or is not here; 4 when its controller does not "
      "answer.");
  command->callback([a, &action] { action = [a] { return run_submit(*a); }; });
}

}  // namespace precinct::apps
