// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/run_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "base/error.h"
#include "data/store/panel_store.h"
#include "train/run_match.h"

namespace precinct::apps {
namespace fs = std::filesystem;

std::vector<Run> read_runs(const std::vector<std::string>& folders) {
  std::vector<Run> runs;
  for (const auto& folder : folders) {
    const fs::path path = fs::path(folder).lexically_normal();
    const fs::path file = path / "config.yaml";
    PRECINCT_CHECK(fs::exists(file), IoError,
                   "{}: expected a run folder with config.yaml, found none; check the path",
                   folder);
    Run run{fs::absolute(path).filename().string(), path, config::load_experiment({file}),
            fs::exists(path / "artifact")};
    for (const Run& other : runs)
      PRECINCT_CHECK(!fs::equivalent(other.path, path), ConfigError,
                     "{}: expected each run once, found it twice; leave one out", folder);
    if (run.name.empty()) run.name = fs::absolute(path).parent_path().filename().string();
    PRECINCT_CHECK(run.is_network || run.config.model.name == "baselines", IoError,
                   "{}: expected a finished run with artifact/, found none; train it to its end",
                   folder);
    runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<NamedFile> inputs_of(const std::vector<Run>& runs, const fs::path& panel) {
  std::vector<NamedFile> files = {{"the panel", panel},
                                  {"the panel's checksum", panel.string() + ".sha256"},
                                  {"the panel's provenance", panel.string() + ".provenance.json"}};
  for (const Run& run : runs)
    for (const char* name : {"artifact", "checkpoints", "log", "config.yaml", "manifest.json",
                             "metrics.jsonl", "timing.jsonl", "evaluation.json"})
      files.push_back({fmt::format("{} of run {}", name, run.name), run.path / name});
  return files;
}

void require_panel_of(const Run& run, const std::string& trained_on, const fs::path& panel,
                      bool is_allowed) {
  const std::string found = data::panel_hash(panel);
  if (found == trained_on) return;
  const std::string text =
      fmt::format("{}: expected the panel that run {} was trained on (sha256 {}), found {}",
                  panel.string(), run.name, trained_on.substr(0, 12), found.substr(0, 12));
  PRECINCT_CHECK(is_allowed, ConfigError,
                 "{}; its scores would be of other counts: name the run's own, or give "
                 "--allow-mismatch",
                 text);
  spdlog::warn("{}", text);
}

std::string name_among(std::set<std::string>& taken, const std::string& network,
                       const std::string& run) {
  if (taken.insert(network).second) return network;
  std::string name = run;
  for (int i = 2; !taken.insert(name).second; ++i) name = fmt::format("{}-{}", run, i);
  return name;
}

std::set<std::string> names_beside(const config::ExperimentConfig& config) {
  std::set<std::string> names = {"origins", "observed_counts", "districts", "categories"};
  names.insert(config.evaluate.baselines.begin(), config.evaluate.baselines.end());
  return names;
}

void require_same_task(const std::vector<Run>& runs, const std::string& panel) {
  const auto& first = runs.front().config.data;
  for (const Run& run : runs) {
    const auto& other = run.config.data;
    PRECINCT_CHECK(
        (!panel.empty() || other.panel == first.panel) && other.horizon == first.horizon &&
            other.split.fractions == first.split.fractions &&
            other.split.train_bins == first.split.train_bins &&
            other.split.validation_bins == first.split.validation_bins &&
            other.split.test_bins == first.split.test_bins && other.split.gap == first.split.gap &&
            run.config.evaluate.choose_on == runs.front().config.evaluate.choose_on,
        ConfigError,
        "{}: data.panel, data.horizon, data.split, evaluate.choose_on: expected those of "
        "{}, found others; "
        "evaluate them apart",
        run.name, runs.front().name);
    const auto keys = train::differing_keys(run.config, runs.front().config, "evaluate.");
    if (!keys.empty())
      spdlog::warn("{}: {}; all runs are scored with the settings of {}", run.name,
                   fmt::join(keys, ", "), runs.front().name);
  }
}

}  // namespace precinct::apps
