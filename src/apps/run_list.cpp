// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/run_list.h"

#include "base/error.h"

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
    if (run.name.empty()) run.name = fs::absolute(path).parent_path().filename().string();
    PRECINCT_CHECK(run.is_network || run.config.model.name == "baselines", IoError,
                   "{}: expected a finished run with artifact/, found none; train it to its end",
                   folder);
    runs.push_back(std::move(run));
  }
  return runs;
}

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

}  // namespace precinct::apps
