// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "data/geo/geometry.h"
#include "data/store/panel_store.h"
#include "tests/support/child_process.h"
#include "tests/support/small_panel.h"
#include "tests/support/temporary_folder.h"

namespace precinct::test {

using Words = std::vector<std::string>;

/// A small panel whose districts are squares.
inline data::Panel small_panel_with_polygons(std::int64_t num_bins = 120) {
  data::Panel panel = small_panel(num_bins);
  std::vector<data::MultiPolygon> squares;
  for (const auto& node : panel.nodes) {
    const double x = node.longitude - 0.005, y = node.latitude - 0.005, d = 0.01;
    squares.push_back({{{{x, y}, {x + d, y}, {x + d, y + d}, {x, y + d}, {x, y}}}});
  }
  const data::PolygonSet polygons(squares);
  panel.geometry_offset = {0};
  for (int n = 0; n < polygons.size(); ++n) {
    const auto wkb = polygons.wkb(n);
    panel.geometry.insert(panel.geometry.end(), wkb.begin(), wkb.end());
    panel.geometry_offset.push_back(panel.geometry.size());
  }
  return panel;
}

/// Configuration of a network that trains in a second; every step is logged and it does learn, so
/// that a refit follows.
inline std::string small_config_text(const std::string& model) {
  return "data:\n"
         "  panel: panel.h5\n"
         "  lookback: 10\n"
         "  horizon: 3\n"
         "  split: {fractions: [0.6, 0.2, 0.2]}\n"
         "input: {node_embedding: 4, weekday_embedding: 2}\n"
         "head: {anchor: none}\n"
         "model: {name: " +
         model + (model == "gat_tcn" ? ", num_heads: 2" : ", num_layers: 2") +
         ", hidden: 16, head_width: 8, dropout: 0.1}\n"
         "train:\n"
         "  epochs: 3\n"
         "  global_batch_size: 8\n"
         "  optimizer: {lr: 0.01}\n"
         "  schedule: {name: cosine}\n"
         "  early_stop: {patience: 0}\n"
         "  checkpoint: {every: 4st}\n"
         "  refit: before_test\n"
         "evaluate: {baselines: [last_value, gamma_poisson], bootstrap: {replicates: 50}}\n"
         "log: {every: 1}\n";
}

/// What a user has before the first `train`: a folder with a panel and configurations.
class SmallProject {
 public:
  explicit SmallProject(std::int64_t num_bins = 120) {
    data::write_panel(folder_ / "panel.h5", small_panel_with_polygons(num_bins));
    for (const char* model : {"dnn", "crimenet", "gat_tcn"})
      write_file_atomically(config(model), small_config_text(model));
    write_file_atomically(config("baselines"),
                          "data: {panel: panel.h5, lookback: 10, horizon: 3, split: {fractions: "
                          "[0.6, 0.2, 0.2]}}\n"
                          "evaluate: {bootstrap: {replicates: 50}}\n"
                          "model: {name: baselines}\n");
  }
  std::filesystem::path path() const { return folder_.path(); }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  std::filesystem::path config(const std::string& model) const {
    return folder_ / (model + ".yaml");
  }

  /// `precinct train` of a model in the run folder `run`.
  Words train_words(const std::string& model, const std::string& run,
                    const Words& more = {}) const {
    Words words = {precinct_program(), "train", config(model), "--run-dir", folder_ / run};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

 private:
  TemporaryFolder folder_;
};

/// One thread: a run is repeated bit for bit with the same number of threads.
inline void use_one_thread() { ::setenv("OMP_NUM_THREADS", "1", 1); }

/// `precinct` with these words, on one thread.
inline ProgramResult run_precinct(Words words) {
  words.insert(words.begin(), precinct_program());
  return run_program(words, -1, use_one_thread);
}

/// Names and hashes of all files below a folder, sorted, without locks.
inline Words listing(const std::filesystem::path& folder) {
  Words lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().filename() != ".lock")
      lines.push_back(entry.path().lexically_relative(folder).string() +
                      (entry.is_regular_file() ? " " + sha256_file(entry.path()) : ""));
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// Names below a folder, sorted, without those that differ from start to start.
inline Words names(const std::filesystem::path& folder) {
  Words names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (!name.starts_with("events.out.")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::vector<nlohmann::json> json_lines(const std::filesystem::path& file) {
  std::vector<nlohmann::json> lines;
  const std::string text = read_file(file);
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(nlohmann::json::parse(text.substr(at, end - at)));
  return lines;
}

/// A step that was logged.
struct Progress {
  std::int64_t step = -1;
  std::string phase;
};

/// The last whole line of metrics.jsonl; {-1, ""} when there is none.
inline Progress last_step(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return {};
  std::string text = read_file(file);
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n'));
  if (text.empty()) return {};
  const auto begin = text.rfind('\n');
  const auto line = nlohmann::json::parse(text.substr(begin == std::string::npos ? 0 : begin + 1));
  return {line.at("step").get<std::int64_t>(), line.at("phase").get<std::string>()};
}

}  // namespace precinct::test
