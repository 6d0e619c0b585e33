// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/commands.h"
#include "base/error.h"
#include "config/experiment_config.h"
#include "data/store/panel_store.h"
#include "models/artifact_forecaster.h"
#include "models/forecast_predictions.h"
#include "train/phase_data.h"
#include "train/run_evaluation.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::vector<std::string> runs;
  std::string split = "test", predictions, panel;
  bool json = false, csv = false;
};

struct Run {
  std::string name;
  config::ExperimentConfig config;
  bool is_network;
};

std::vector<Run> read_runs(const std::vector<std::string>& folders) {
  std::vector<Run> runs;
  for (const auto& folder : folders) {
    const fs::path path = fs::path(folder).lexically_normal();
    const fs::path file = path / "config.yaml";
    PRECINCT_CHECK(fs::exists(file), IoError,
                   "{}: expected a run folder with config.yaml, found none; check the path",
                   folder);
    Run run{fs::absolute(path).filename().string(), config::load_experiment({file}),
            fs::exists(path / "artifact")};
    if (run.name.empty()) run.name = fs::absolute(path).parent_path().filename().string();
    PRECINCT_CHECK(run.is_network || run.config.model.name == "baselines", IoError,
                   "{}: expected a finished run with artifact/, found none; train it to its end",
                   folder);
    runs.push_back(std::move(run));
  }
  return runs;
}

/// All runs must forecast the same targets.
void require_same_task(const std::vector<Run>& runs) {
  const auto& first = runs.front().config.data;
  for (const Run& run : runs) {
    const auto& other = run.config.data;
    PRECINCT_CHECK(other.panel == first.panel && other.horizon == first.horizon &&
                       other.split.fractions == first.split.fractions &&
                       other.split.test_bins == first.split.test_bins,
                   ConfigError,
                   "{}: data.panel, data.horizon, data.split: expected those of {}, found others; "
                   "evaluate them apart",
                   run.name, runs.front().name);
  }
}

int run_evaluation(const Arguments& a) {
  const auto runs = read_runs(a.runs);
  require_same_task(runs);
  config::ExperimentConfig config = runs.front().config;
  for (const Run& run : runs)
    config.data.lookback = std::max(config.data.lookback, run.config.data.lookback);
  const data::Panel panel =
      data::read_panel(a.panel.empty() ? config.data.panel : a.panel, config.data.verify);
  const data::Split split = train::split_of(config.data, panel.num_bins);
  const auto origins = train::scoring_origins(config, train::range_named(split, a.split));
  std::vector<metrics::NamedForecast> forecasts;
  std::set<std::string> names;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].is_network) continue;
    const models::Artifact artifact = models::load_artifact(fs::path(a.runs[i]) / "artifact");
    models::ArtifactForecaster forecaster(artifact);
    const std::string name =
        names.insert(forecaster.name()).second ? forecaster.name() : runs[i].name;
    forecasts.push_back({name, false, forecaster.predict(panel, origins, config.data.horizon),
                         metrics::choice_in(artifact.evaluation)});
  }
  for (auto& baseline : train::baseline_forecasts(config, panel, split, origins))
    forecasts.push_back(std::move(baseline));
  const auto evaluation = train::evaluate_forecasts(config, panel, split, a.split, forecasts);
  if (!a.predictions.empty()) {
    std::vector<std::pair<std::string, const models::Forecast*>> list;
    for (const auto& named : forecasts) list.emplace_back(named.name, &named.forecast);
    models::write_predictions(a.predictions, panel, list);
  }
  fmt::print("{}\n", a.json  ? evaluation.to_json().dump(2)
                     : a.csv ? evaluation.to_csv()
                             : evaluation.to_text(/*all_baselines=*/true));
  return 0;
}

}  // namespace

void add_evaluate_command(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("evaluate", "one metric table over several runs and the baselines");
  auto a = std::make_shared<Arguments>();
  command->add_option("run", a->runs, "run folders of the same panel and split")->required();
  command->add_option("--split", a->split, "validation, test or production")->capture_default_str();
  command->add_option("--panel", a->panel,
                      "panel file, when it is no longer where the run found it");
  command->add_option(
      "--predictions", a->predictions,
      "also write origins, means, dispersions and observed counts of every forecaster to this .h5");
  auto* json = command->add_flag("--json", a->json, "the table as JSON");
  command->add_flag("--csv", a->csv, "the table as CSV")->excludes(json);
  command->footer(
      "Example: precinct evaluate runs/dnn runs/crimenet runs/gat_tcn --predictions "
      "predictions.h5");
  command->callback([a, &action] { action = [a] { return run_evaluation(*a); }; });
}

}  // namespace precinct::apps
