// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/connected_world.h"
#include "apps/cuda_library.h"
#include "apps/installed_files.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/made_folders.h"
#include "config/experiment_config.h"
#include "data/store/panel_store.h"
#include "models/artifact.h"
#include "parallel/process_context.h"
#include "parallel/world.h"
#include "train/dry_run.h"
#include "train/network_forecaster.h"
#include "train/ranks.h"
#include "train/run_evaluation.h"
#include "train/run_folder.h"
#include "train/run_match.h"
#include "train/stop_signal.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

struct TrainArguments {
  std::vector<std::string> files, assignments;
  std::string run_dir, resume = "auto", device;
  std::int64_t world_size = 1;
  bool dry_run = false, allow_mismatch = false, json = false, no_score = false, no_verify = false;
};

/// With --resume never a job that was started again goes on in the folder that it began.
fs::path run_path(const TrainArguments& a, const config::ExperimentConfig& config,
                  const parallel::ProcessContext& context) {
  using Choice = train::RunFolder::Choice;
  const Choice fresh = a.resume != "never"         ? Choice::kGoOn
                       : context.restart_count > 0 ? Choice::kRestartedFresh
                                                   : Choice::kFresh;
  if (a.run_dir.empty())
    return train::RunFolder::choose(config.run.output, config::run_name(config), fresh);
  const fs::path path = absolute_folder(a.run_dir);
  return train::RunFolder::choose(path.parent_path(), path.filename().string(), fresh);
}

void print(const metrics::Evaluation& evaluation, const train::RunFolder& run, bool json) {
  if (json) {
    fmt::print("{}\n", evaluation.to_json().dump(2));
  } else {
    fmt::print("{}\n{}\n", evaluation.to_text(/*all_baselines=*/false), run.path().string());
  }
}

/// Scores what the run made beside the baselines, on the test range.
metrics::Evaluation score(const config::ExperimentConfig& config, const data::Panel& panel,
                          const data::Split& split, models::Forecaster* network,
                          std::optional<metrics::Choice> choice = {}) {
  const auto origins = train::scoring_origins(config, split.test);
  std::vector<metrics::NamedForecast> forecasts;
  if (network != nullptr)
    forecasts.push_back(
        {network->name(), false, network->predict(panel, origins, config.data.horizon), choice});
  for (auto& baseline : train::baseline_forecasts(config, panel, split, origins))
    forecasts.push_back(std::move(baseline));
  return train::evaluate_forecasts(config, panel, split, "test", forecasts);
}

/// The artifact of a finished run, when it is of this configuration and panel; nothing when the run
/// has to go on.
std::optional<models::Artifact> finished_artifact(const TrainArguments& a,
                                                  const config::ExperimentConfig& config,
                                                  const train::RunFolder& run,
                                                  const std::string& panel_hash) {
  if (!run.is_finished()) return {};
  auto artifact = models::load_artifact(run.artifact());
  if (a.allow_mismatch && !train::differing_keys(config, artifact.config).empty()) return {};
  if (artifact.panel_hash == panel_hash) return artifact;
  PRECINCT_CHECK(a.allow_mismatch, ConfigError,
                 "{}: expected the panel that this run was trained on (sha256 {:.12}...), found "
                 "another ({:.12}...); choose another --run-dir, start anew with --resume never, "
                 "or pass --allow-mismatch",
                 run.path().string(), artifact.panel_hash, panel_hash);
  return {};
}

/// On the leader; nothing with --no-score and on the other ranks.
std::optional<metrics::Evaluation> train_network(const TrainArguments& a,
                                                 const config::ExperimentConfig& config,
                                                 const data::Panel& panel, const data::Split& split,
                                                 const train::RunFolder& run, train::Ranks& ranks) {
  const std::string hash = data::panel_hash(config.data.panel);
  ranks.require_same("data.panel (sha256)", hash);
  std::optional<models::Artifact> finished;
  ranks.lead([&] { finished = finished_artifact(a, config, run, hash); });
  const bool is_finished = !ranks.of_leader(finished ? "finished" : "").empty();
  if (is_finished) spdlog::info("{} is finished; its table follows", run.path().string());
  // with refit: all the artifact has seen the test range: the best checkpoint of fit is scored
  const bool score_checkpoint = is_finished && config.train.refit == "all";
  if (is_finished && !score_checkpoint) {
    ranks.part();
    if (!ranks.leads()) return {};
    models::ArtifactForecaster forecaster(*finished, ranks.device());
    return score(config, panel, split, &forecaster, metrics::choice_in(finished->evaluation));
  }
  train::NetworkForecaster network(config, hash, run, ranks,
                                   {a.resume == "require" || score_checkpoint, a.allow_mismatch});
  network.fit(panel, split);
  ranks.part();
  if (!ranks.leads()) return {};
  const train::TrainingResult& result = network.result();
  const metrics::Choice choice{config.train.early_stop.metric, result.best_score,
                               result.best_epoch};
  models::Artifact artifact = result.artifact;
  if (a.no_score) {
    artifact.evaluation = {{"forecasters", {metrics::to_json(network.name(), choice)}}};
    if (!is_finished) models::save_artifact(run.artifact(), artifact, panel);
    if (a.json)
      fmt::print("{}\n", artifact.evaluation.dump(2));
    else
      fmt::print("picked before the test range was seen: {} ({} {:.5f} at epoch {:.3g})\n",
                 network.name(), choice.metric, choice.value, choice.epoch);
    return {};
  }
  auto evaluation = score(config, panel, split, &network, choice);
  artifact.evaluation = evaluation.to_json();
  if (!is_finished) models::save_artifact(run.artifact(), artifact, panel);
  return evaluation;
}

/// The run's folder, locked by the leader, the same on all ranks.
std::unique_ptr<train::RunFolder> open_run(const TrainArguments& a,
                                           const config::ExperimentConfig& config,
                                           train::Ranks& ranks,
                                           const parallel::ProcessContext& context) {
  std::unique_ptr<train::RunFolder> run;
  ranks.lead([&] { run = std::make_unique<train::RunFolder>(run_path(a, config, context)); });
  const fs::path path = ranks.of_leader(run ? run->path().string() : "");
  const std::string owner = ranks.of_leader(run ? train::RunFolder::owner_of(path) : "");
  if (!run) run = std::make_unique<train::RunFolder>(path, train::RunFolder::Follower());
  for (const std::string& problem : ranks.gather(run->why_not_shared(owner)))
    if (!problem.empty()) throw IoError(problem);
  return run;
}

int train_on(train::Ranks& ranks, const TrainArguments& a, const config::ExperimentConfig& config,
             const parallel::ProcessContext& context) {
  train::require_same_configuration(ranks, config);
  const auto run = open_run(a, config, ranks, context);
  const data::Panel panel = data::read_panel(config.data.panel, config.data.verify && !a.no_verify);
  const data::Split split = train::split_of(config.data, panel.num_bins);
  if (!a.allow_mismatch) train::require_same_configuration(*run, config);
  add_log_file(run->path() / "log" / fmt::format("rank-{}.log", ranks.rank()));
  auto processes = ranks.gather(train::RunFolder::this_process());
  ranks.lead([&] {
    if (!fs::exists(run->path() / "config.yaml") || a.allow_mismatch)
      write_file_atomically(run->path() / "config.yaml", config::to_yaml(config));
    run->write_manifest({build_version(), command_line(), context.source, std::move(processes)});
  });
  const bool is_scored = run->is_finished() && !a.allow_mismatch;
  if (ranks.size() > 1) spdlog::info("{}", ranks.mesh().text());
  const bool baselines = config.model.name == "baselines";
  if (baselines) ranks.part();
  if (baselines && !ranks.leads()) return 0;
  const auto scored = baselines ? score(config, panel, split, nullptr)
                                : train_network(a, config, panel, split, *run, ranks);
  if (!scored) return 0;
  const metrics::Evaluation& evaluation = *scored;
  if (!is_scored) {  // one that went on may have begun with other evaluate keys
    write_file_atomically(run->path() / "config.yaml", config::to_yaml(config));
    write_file_atomically(run->evaluation(), evaluation.to_json().dump(2) + "\n");
  }
  print(evaluation, *run, a.json);
  if (!baselines) train::require_anchor_kept(config, evaluation, config.model.name);
  return 0;
}

int run_training(const TrainArguments& a) {
  const std::vector<fs::path> files(a.files.begin(), a.files.end());
  const config::ExperimentConfig config = config::load_experiment(files, a.assignments);
  require_device(config.run.device);
  PRECINCT_CHECK(
      config.model.name != "baselines" || !a.no_score, ConfigError,
      "--no-score: expected a network, found model.name: baselines, which is nothing but "
      "scored; leave it out");
  config::require_panel(config);
  const auto context = parallel::ProcessContext::from_environment();
  if (a.dry_run) {
    PRECINCT_CHECK(!a.json, ConfigError,
                   "--json: expected a training, found --dry-run, which prints text; leave it out");
    if (context.rank != 0) return 0;  // every rank would print the same
    const data::Panel panel = data::read_panel(config.data.panel, false);
    fmt::print("{}", train::dry_run(config, panel, train::split_of(config.data, panel.num_bins),
                                    a.world_size));
    return 0;
  }
  // one that comes before the first step leaves with the first ones, one during the scoring lets
  // it end
  train::StopSignal usr1({SIGUSR1});
  if (context.tasks_beside > 1)
    spdlog::warn(
        "this is the shell of a Slurm job of {} tasks and none of them: one process trains; "
        "start the tasks with srun",
        context.tasks_beside);
  auto connection = train::connect_options(config, context);
  connection.device_id = gpu_address(connection.device_index);
  if (connection.device_index >= 0) register_nccl();
  const auto world = connected_world(context, connection);
  train::Ranks ranks(*world, config);
  // Whoever started the ranks may end the others by a signal when the first one leaves; what a rank
  // has to say, its exit code among it, is then settled.
  const auto settle = [&usr1] {
    usr1.ignore_from_now_on();
    std::signal(SIGTERM, SIG_IGN);
  };
  try {
    return train_on(ranks, a, config, context);
  } catch (const StopRequested&) {
    settle();
    ranks.part();  // none leaves before all know
    throw;
  } catch (...) {
    settle();
    throw;
  }
}

}  // namespace

void add_train_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "train",
      "one run: trains a network (or fits the baselines) and prints its table with baselines");
  auto a = std::make_shared<TrainArguments>();
  command->add_option("config", a->files, "configuration files, merged left to right")->required();
  command->add_option("--set", a->assignments, "one value, e.g. train.epochs=5; may be given again")
      ->allow_extra_args(false);
  command->add_option("--device", a->device, "auto, cpu or cuda; the same as --set run.device=...")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  command->add_option("--run-dir", a->run_dir, "folder of the run (default: run.output/run.name)");
  command
      ->add_option(
          "--resume", a->resume,
          "auto: go on with an unfinished run; never: start <name>-2; require: needs a checkpoint")
      ->check(CLI::IsMember({"auto", "never", "require"}))
      ->capture_default_str();
  command->add_flag("--allow-mismatch", a->allow_mismatch,
                    "go on although configuration or panel differ from the checkpoint's");
  command->add_flag("--no-verify", a->no_verify, "do not check the panel's sha256");
  command->add_flag("--json", a->json, "the table as JSON");
  auto* dry_run = command->add_flag(
      "--dry-run", a->dry_run,
      "print what each rank of a job would hold and send, in this process alone; train nothing");
  command->add_option("--world-size", a->world_size, "ranks of that job")
      ->needs(dry_run)
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_flag("--no-score", a->no_score,
                    "leave the test range unseen: for choosing settings by the validation score");
  command->footer(
      "Example: precinct train configs/west_la/crimenet.yaml --set train.epochs=5 --run-dir "
      "runs/first\n"
      "Example on two ranks: precinct launch --nproc 2 -- precinct train "
      "configs/west_la/crimenet.yaml\n"
      "Example of what 64 ranks would hold and send: precinct train configs/west_la/crimenet.yaml "
      "--dry-run --world-size 64 --set parallel.tp=2\n"
      "Ranks may also be started by srun, torchrun or mpirun: each reads who it is from their "
      "variables. Sizes of the axes:\n"
      "--set parallel.dp=, parallel.tp=, parallel.pp=; which when, and what it costs: "
      "docs/parallel.md.\n"
      "Exit codes: 0 done; 2 command line or configuration; 3 data; 4 a rank died, hung or did "
      "otherwise than the others;\n"
      "5 numbers not finite, or an anchored network ends worse than its anchor by more than .003; "
      "6 disk or file;\n"
      "7 no usable checkpoint; 8 device or memory; 70 an error in precinct itself; 75 Ctrl-C, "
      "SIGTERM or SIGUSR1\n"
      "stopped it after saving: run it again; 128+n signal n ended it.");
  command->callback([a, &action] {
    if (!a->device.empty()) a->assignments.push_back("run.device=" + a->device);
    action = [a] { return run_training(*a); };
  });
}

}  // namespace precinct::apps
