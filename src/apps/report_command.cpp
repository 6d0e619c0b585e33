// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/installed_files.h"
#include "apps/output_file.h"
#include "apps/run_list.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "data/store/panel_store.h"
#include "models/artifact_forecaster.h"
#include "models/baselines/registry.h"
#include "report/html_page.h"
#include "report/report_builder.h"
#include "train/phase_data.h"
#include "train/run_evaluation.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

struct ReportArguments {
  std::vector<std::string> runs;
  std::string out, panel, title;
  bool json = false, allow_mismatch = false;
};

/// The panel, the split and the origins at which everything on the page is forecast.
struct Task {
  config::ExperimentConfig config;
  fs::path panel_file;
  data::Panel panel;
  data::Split split;
  std::vector<std::int64_t> scoring, test_bins, coming;
};

/// Forecasts that the page keeps pointers to.
struct Pages {
  std::deque<models::Forecast> kept;
  std::vector<report::ModelForecasts> models;
  std::vector<metrics::NamedForecast> scored;
  std::vector<data::BinRange> learnt;  // bins of the panel that each network has learnt from
};

Task make_task(const std::vector<Run>& runs, const std::string& panel_file) {
  Task task;
  task.config = runs.front().config;
  for (const Run& run : runs)
    task.config.data.lookback = std::max(task.config.data.lookback, run.config.data.lookback);
  task.panel_file = panel_file.empty() ? task.config.data.panel : panel_file;
  task.panel = data::read_panel(task.panel_file, task.config.data.verify);
  task.split = train::split_of(task.config.data, task.panel.num_bins);
  task.scoring = train::scoring_origins(task.config, task.split.test);
  task.test_bins.resize(static_cast<std::size_t>(task.split.test.size()));
  std::iota(task.test_bins.begin(), task.test_bins.end(), task.split.test.begin);
  task.coming = {task.panel.num_bins};
  return task;
}

/// Puts a forecaster's three forecasts where they are shown and scored.
void add_forecasts(const Task& task, const std::string& name, bool is_baseline, bool is_shown,
                   const std::optional<metrics::Choice>& choice, const fs::path& metrics_file,
                   models::Forecaster& forecaster, Pages& pages) {
  const std::int64_t horizon = task.config.data.horizon;
  pages.scored.push_back(
      {name, is_baseline, forecaster.predict(task.panel, task.scoring, horizon), choice});
  if (!is_shown) return;
  const auto& test = pages.kept.emplace_back(
      task.config.evaluate.stride == 1 ? pages.scored.back().forecast
                                       : forecaster.predict(task.panel, task.test_bins, 1));
  const auto& coming =
      pages.kept.emplace_back(forecaster.predict(task.panel, task.coming, horizon));
  pages.models.push_back({name, &coming, &test, metrics_file});
}

void add_networks(const Task& task, const std::vector<Run>& runs, bool allow_mismatch,
                  Pages& pages) {
  std::set<std::string> names = names_beside(task.config);
  for (const Run& run : runs) {
    if (!run.is_network) continue;
    models::ArtifactForecaster forecaster(models::load_artifact(run.path / "artifact"));
    const auto& artifact = forecaster.artifact();
    models::check_panel(artifact, task.panel);
    require_panel_of(run, artifact.panel_hash, task.panel_file, allow_mismatch);
    pages.learnt.push_back(artifact.features.learnt_bins(task.panel.axis));
    const std::string name = name_among(names, forecaster.name(), run.name);
    add_forecasts(task, name, false, true, metrics::choice_in(artifact.evaluation),
                  run.path / "metrics.jsonl", forecaster, pages);
  }
}

/// The reference stands last; beside networks it alone is shown on the map.
void add_baselines(const Task& task, bool has_networks, Pages& pages) {
  const std::string& reference = task.config.evaluate.reference;
  auto names = task.config.evaluate.baselines;
  std::erase(names, reference);
  names.push_back(reference);
  for (const auto& name : names) {
    const auto baseline = models::make_baseline(name);
    baseline->fit(task.panel, task.split);
    add_forecasts(task, name, true, !has_networks || name == reference, {}, {}, *baseline, pages);
  }
}

nlohmann::json read_json(const fs::path& path) {
  if (!fs::exists(path)) return nullptr;
  auto json = nlohmann::json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  PRECINCT_CHECK(json.is_object(), DataError,
                 "{}: expected JSON, found other text; ingest again or remove the file",
                 path.string());
  return json;
}

void add_provenance(const Task& task, const std::vector<Run>& runs, report::ReportData& data) {
  const auto ingest = read_json(task.panel_file.string() + ".provenance.json");
  auto& facts = data.provenance;
  facts.emplace_back("panel", task.panel_file.filename().string() + ", sha256 " +
                                  data::panel_hash(task.panel_file));
  if (ingest.is_object()) {
    data.quality = ingest.value("quality", nlohmann::json());
    facts.emplace_back(
        "ingested",
        fmt::format("{}, profile {}, precinct {}", ingest.value("date", "at an unknown time"),
                    ingest.value("profile", "unknown"), ingest.value("version", "unknown")));
    for (const auto& input : ingest.value("inputs", nlohmann::json::array()))
      facts.emplace_back("source", fmt::format("{}, {} rows, sha256 {}", input.value("file", ""),
                                               input.value("rows", 0), input.value("sha256", "")));
  }
  for (const Run& run : runs) {
    const auto manifest = read_json(run.path / "manifest.json");
    facts.emplace_back(
        "run " + run.name,
        fmt::format("{}, seed {}, settings {}, precinct {}", run.config.model.name,
                    run.config.run.seed, config::training_hash(run.config).substr(0, 12),
                    manifest.is_object() ? manifest.value("version", "unknown") : "unknown"));
  }
  facts.emplace_back("page", fmt::format("{} by precinct {}", utc_now(), build_version()));
  facts.emplace_back("command", command_line());
}

void add_words(const Task& task, const Pages& pages, report::ReportData& data) {
  const auto verdict = report::verdict_of(data.evaluation);
  data.verdict = verdict.text;
  data.is_better = verdict.is_better;
  for (const auto& learnt : pages.learnt) {
    const auto note = report::weights_note(task.panel, learnt, task.split.test);
    if (data.weights.empty()) data.weights = note.text;
    if (!note.has_seen_test) continue;
    data.verdict = data.weights = note.text;
    data.is_better = false;
  }
  if (data.verdict == data.weights) data.weights.clear();
  const auto picked = data.evaluation.value("picked", nlohmann::json());
  data.shown_first = picked.is_string() ? picked.get<std::string>() : data.models.front().name;
  if (pages.learnt.empty()) data.shown_first = task.config.evaluate.reference;
  data.generated = fmt::format("Made {} by precinct {} from {} run{}.", utc_now().substr(0, 10),
                               build_version(), data.models.size() - (pages.learnt.empty() ? 0 : 1),
                               pages.learnt.size() == 1 ? "" : "s");
}

int run_report(const ReportArguments& a) {
  const std::string plotly = report::load_plotly(plotly_home());
  const auto runs = read_runs(a.runs);
  require_same_task(runs, a.panel);
  const std::string ending = fs::path(a.out).extension().string();
  PRECINCT_CHECK(ending == ".html" || ending == ".htm", ConfigError,
                 "--out: expected a file that ends in .html, found '{}'; the report is a page",
                 a.out);
  const Task task = make_task(runs, a.panel);
  require_distinct({{"--out", a.out}}, inputs_of(runs, task.panel_file));
  Pages pages;
  add_networks(task, runs, a.allow_mismatch, pages);
  add_baselines(task, !pages.models.empty(), pages);
  report::ReportData data = report::build_report(task.panel, task.split.test, pages.models);
  data.evaluation =
      train::evaluate_forecasts(task.config, task.panel, task.split, "test", pages.scored)
          .to_json();
  if (!a.title.empty()) data.title = a.title;
  add_words(task, pages, data);
  add_provenance(task, runs, data);
  const std::string html = report::html_page(data, plotly);
  const fs::path out = fs::absolute(a.out);
  write_output(out, [&] { write_file_atomically(out, html); });
  std::vector<std::string> names;
  for (const auto& model : data.models) names.push_back(model.name);
  if (a.json) {
    fmt::print("{}\n", nlohmann::json({{"out", a.out},
                                       {"bytes", html.size()},
                                       {"forecasters", names},
                                       {"verdict", data.verdict},
                                       {"better_than_reference", data.is_better}})
                           .dump(2));
  } else {
    fmt::print("{}: {} districts, {}; {:.1f} MB, needs no network\n{}\n", a.out,
               task.panel.num_nodes, fmt::join(names, ", "), static_cast<double>(html.size()) / 1e6,
               data.verdict);
  }
  return 0;
}

}  // namespace

void add_report_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "report", "one self-contained page: map, forecasts against records, scores, data quality");
  auto a = std::make_shared<ReportArguments>();
  command
      ->add_option("run", a->runs,
                   "run folders of the same panel and split; evaluate.* is the first one's")
      ->required();
  command->add_option("--out", a->out, "HTML file to write")->required();
  command->add_option("--panel", a->panel,
                      "panel file, when it is no longer where the run found it");
  command->add_flag("--allow-mismatch", a->allow_mismatch, kAllowMismatch);
  command->add_option("--title", a->title, "heading of the page");
  command->add_flag("--json", a->json, "the summary as JSON");
  command->footer(
      std::string("Example: precinct report runs/west_la_dnn runs/west_la_crimenet "
                  "runs/west_la_gat_tcn --out "
                  "report.html\n"
                  "The page opens in any browser, loads nothing from a network and fits a phone.") +
      kExitCodes);
  command->callback([a, &action] { action = [a] { return run_report(*a); }; });
}

}  // namespace precinct::apps
