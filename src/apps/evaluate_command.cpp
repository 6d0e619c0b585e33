// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/commands.h"
#include "apps/cuda_library.h"
#include "apps/output_file.h"
#include "apps/run_list.h"
#include "base/error.h"
#include "config/experiment_config.h"
#include "data/store/panel_store.h"
#include "models/artifact_forecaster.h"
#include "models/forecast_predictions.h"
#include "report/panel_facts.h"
#include "train/phase_data.h"
#include "train/run_evaluation.h"
#include "train/training_device.h"

namespace precinct::apps {
namespace {

struct EvaluateArguments {
  std::vector<std::string> runs;
  std::string split = "test", predictions, panel, device = "auto";
  bool json = false, csv = false, no_verify = false, allow_mismatch = false;
};

/// A network that has learnt from bins of a range is not scored on it.
void require_unseen(const std::string& run, const models::Artifact& artifact,
                    const data::Panel& panel, const std::string& split,
                    const data::BinRange& range) {
  const data::BinRange learnt = artifact.features.learnt_bins(panel.axis);
  PRECINCT_CHECK(!learnt.overlaps(range), ConfigError,
                 "--split {}: expected bins that {} has not learnt from, found {} where it learnt "
                 "from {} (train.refit); choose a later range",
                 split, run, report::range_label(panel, range), report::range_label(panel, learnt));
}

/// The split's ranges by name; says which ones there are when it lacks the one that is asked for.
void require_range(const data::Split& split, const std::string& name) {
  std::vector<std::string> names = {"validation", "test"};
  if (split.production.size() > 0) names.emplace_back("production");
  PRECINCT_CHECK(std::find(names.begin(), names.end(), name) != names.end(), ConfigError,
                 "--split: expected {}, found '{}'; {}", fmt::join(names, " or "), name,
                 name == "production"
                     ? "choose one of them: data.split of these runs keeps no production part"
                     : "choose one of them");
}

int run_evaluation(const EvaluateArguments& a) {
  require_device(a.device);
  const auto runs = read_runs(a.runs);
  require_same_task(runs, a.panel);
  config::ExperimentConfig config = runs.front().config;
  for (const Run& run : runs)
    config.data.lookback = std::max(config.data.lookback, run.config.data.lookback);
  const std::string panel_file = a.panel.empty() ? config.data.panel : a.panel;
  if (!a.predictions.empty())
    require_distinct({{"--predictions", a.predictions}}, inputs_of(runs, panel_file));
  const data::Panel panel = data::read_panel(panel_file, config.data.verify && !a.no_verify);
  const data::Split split = train::split_of(config.data, panel.num_bins);
  require_range(split, a.split);
  const auto origins = train::scoring_origins(config, train::range_named(split, a.split));
  std::vector<metrics::NamedForecast> forecasts;
  std::set<std::string> names = names_beside(config);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].is_network) continue;
    const models::Artifact artifact = models::load_artifact(runs[i].path / "artifact");
    models::check_panel(artifact, panel);
    require_panel_of(runs[i], artifact.panel_hash, panel_file, a.allow_mismatch);
    require_unseen(runs[i].name, artifact, panel, a.split, train::range_named(split, a.split));
    models::ArtifactForecaster forecaster(artifact, train::training_device(a.device));
    const std::string name = name_among(names, forecaster.name(), runs[i].name);
    forecasts.push_back({name, false, forecaster.predict(panel, origins, config.data.horizon),
                         metrics::choice_in(artifact.evaluation)});
  }
  for (auto& baseline : train::baseline_forecasts(config, panel, split, origins))
    forecasts.push_back(std::move(baseline));
  const auto evaluation = train::evaluate_forecasts(config, panel, split, a.split, forecasts);
  if (!a.predictions.empty()) {
    std::vector<std::pair<std::string, const models::Forecast*>> list;
    list.reserve(forecasts.size());
    for (const auto& named : forecasts) list.emplace_back(named.name, &named.forecast);
    write_output(a.predictions, [&] { models::write_predictions(a.predictions, panel, list); });
  }
  fmt::print("{}", a.json  ? evaluation.to_json().dump(2) + "\n"
                   : a.csv ? evaluation.to_csv()
                           : evaluation.to_text(/*all_baselines=*/true) + "\n");
  return 0;
}

}  // namespace

void add_evaluate_command(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("evaluate", "one metric table over several runs and the baselines");
  auto a = std::make_shared<EvaluateArguments>();
  command
      ->add_option("run", a->runs,
                   "run folders of the same panel and split; evaluate.* is the first one's")
      ->required();
  command->add_option("--split", a->split, "validation, test or production")->capture_default_str();
  command->add_option("--panel", a->panel,
                      "panel file, when it is no longer where the run found it");
  command->add_flag("--allow-mismatch", a->allow_mismatch, kAllowMismatch);
  command->add_flag("--no-verify", a->no_verify, "do not check the panel's sha256");
  command->add_option(
      "--predictions", a->predictions,
      "also write origins, means, dispersions and observed counts of every forecaster to this .h5");
  command->add_option("--device", a->device, "auto, cpu or cuda: where the networks run")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  auto* json = command->add_flag("--json", a->json, "the table as JSON");
  command->add_flag("--csv", a->csv, "the table as CSV")->excludes(json);
  command->footer(
      std::string(
          "Example: precinct evaluate runs/west_la_dnn runs/west_la_crimenet runs/west_la_gat_tcn "
          "--predictions "
          "predictions.h5") +
      kExitCodes);
  command->callback([a, &action] { action = [a] { return run_evaluation(*a); }; });
}

}  // namespace precinct::apps
