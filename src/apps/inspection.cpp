// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "config/experiment_config.h"
#include "data/store/file_kind.h"
#include "models/folder_manifest.h"
#include "report/panel_facts.h"
#include "report/sparkline.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Compares size and sha256 of every file of the folder's manifest; says what was done.
void add_manifest(const fs::path& folder, bool verify, Inspection& out) {
  if (verify) models::verify_manifest(folder);
  const auto files = read_json_file(folder / models::kManifestName).value("files", json::object());
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : files.items()) bytes += file.value("size", std::uint64_t{0});
  out.json["files"] = files;
  out.json["verified"] = verify;
  out.add("content", fmt::format("{} files, {} bytes, sha256 of each {}", files.size(),
                                 report::grouped(bytes), verify ? "verified" : "not compared"));
}

void add_tensors(const fs::path& file, Inspection& out) {
  const Inspection tensors = inspect_tensors(file);
  out.json["weights"] = tensors.json;
  out.add("weights", tensors.lines.front().second);
}

void add_scores(const json& evaluation, Inspection& out) {
  if (!evaluation.is_object()) return;
  for (const auto& f : evaluation.value("forecasters", json::array())) {
    if (f.contains("choice"))
      out.add("chosen by",
              fmt::format("{} {:.5f} at epoch {:.3g}", f["choice"].value("metric", "?"),
                          f["choice"].value("value", 0.0), f["choice"].value("epoch", 0.0)));
    if (f.value("baseline", true) || !f.contains("per_horizon")) continue;
    std::vector<double> steps;
    for (const auto& figures : f["per_horizon"])
      steps.push_back(figures.value(f["total"].contains("NLL") ? "NLL" : "RMSE", 0.0));
    out.add("test", fmt::format("{} {:.5f}, {}; by step ahead {}",
                                f["total"].contains("NLL") ? "NLL" : "RMSE",
                                f["total"].value(f["total"].contains("NLL") ? "NLL" : "RMSE", 0.0),
                                f.value("verdict", ""), report::sparkline(steps)));
  }
}

json evaluation_in(const fs::path& folder) {
  return fs::exists(folder / "evaluation.json") ? read_json_file(folder / "evaluation.json")
                                                : json();
}

/// Losses of metrics.jsonl; a last line that is being written is left out.
void add_curves(const fs::path& file, Inspection& out) {
  std::vector<double> validation, training;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    const auto row = json::parse(line, nullptr, false);
    if (!row.is_object()) continue;
    if (row.contains("val/NLL")) validation.push_back(row["val/NLL"].get<double>());
    if (row.contains("train/loss")) training.push_back(row["train/loss"].get<double>());
  }
  const auto add = [&](const char* label, const char* key, const std::vector<double>& values) {
    if (values.empty()) return;
    out.json["curves"][key] = values;
    out.add(label, fmt::format("{}  {:.5f} to {:.5f}, {} points", report::sparkline(values),
                               values.front(), values.back(), values.size()));
  };
  add("training loss", "train/loss", training);
  add("validation NLL", "val/NLL", validation);
}

std::vector<fs::path> checkpoints_in(const fs::path& folder) {
  std::vector<fs::path> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("step-") && entry.path().extension().empty())
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string pointer(const fs::path& file) {
  std::string text = fs::exists(file) ? read_file(file) : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string model_words(const config::ExperimentConfig& config) {
  return fmt::format("{}, head {}, anchor {}, {} bins in, {} out", config.model.name,
                     config.head.name, config.head.anchor, config.data.lookback,
                     config.data.horizon);
}

/// By its first bytes; a damaged panel is known by its checksum file or its name.
bool is_panel(const fs::path& path) {
  return data::file_kind(path) == data::FileKind::kHdf5 || fs::exists(path.string() + ".sha256") ||
         path.extension() == ".h5";
}

[[noreturn]] void unknown(const fs::path& path) {
  const auto kind = fs::is_regular_file(path) ? data::file_kind(path) : data::FileKind::kOther;
  throw DataError(fmt::format(
      "{}: expected a panel (.h5), a safetensors file, or the folder of a run (config.yaml), "
      "checkpoint or artifact (MANIFEST.json), found {}; {}",
      path.string(), kind == data::FileKind::kOther ? "something else" : data::words(kind),
      kind == data::FileKind::kCsv ? "make a panel of it with 'precinct ingest'"
                                   : "check the path"));
}

}  // namespace

json read_json_file(const fs::path& path) {
  auto value = json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  PRECINCT_CHECK(value.is_object(), DataError,
                 "{}: expected a JSON object, found other text; use another copy", path.string());
  return value;
}

Inspection inspect_artifact(const fs::path& folder, bool verify) {
  Inspection out;
  out.json = {{"kind", "artifact"}, {"path", folder.string()}};
  add_manifest(folder, verify, out);
  const auto config = config::load_experiment({folder / "config.yaml"});
  const auto anchor = read_json_file(folder / "anchor.json");
  out.json["model"] = config.model.name;
  out.json["anchor"] = anchor;
  out.add("model", model_words(config));
  add_tensors(folder / "model.safetensors", out);
  const auto range = anchor.value("fit_range", std::vector<std::int64_t>{0, 0});
  out.add("learnt from", fmt::format("bins {} to {} of a panel with sha256 {}", range.at(0),
                                     range.at(1) - 1, anchor.value("panel_sha256", "unknown")));
  const auto evaluation = evaluation_in(folder);
  out.json["evaluation"] = evaluation;
  add_scores(evaluation, out);
  return out;
}

Inspection inspect_checkpoint(const fs::path& folder, bool verify) {
  Inspection out;
  out.json = {{"kind", "checkpoint"}, {"path", folder.string()}};
  add_manifest(folder, verify, out);
  const auto state = read_json_file(folder / "state.json");
  out.json["state"] = state;
  const auto stop = state.value("early_stop", json::object());
  out.add("at", fmt::format("step {} (phase {}, step {} of it), {} windows consumed",
                            state.value("step", 0), state.value("phase", "?"),
                            state.value("phase_step", 0), state.value("consumed", 0)));
  if (stop.contains("best") && stop["best"].is_number())
    out.add("best score", fmt::format("{:.5f} at epoch {:.3g}", stop["best"].get<double>(),
                                      stop.value("best_epoch", 0.0)));
  out.add("made from", fmt::format("settings {}, panel {}", state.value("config_hash", "?"),
                                   state.value("panel_hash", "?")));
  add_tensors(folder / "model.safetensors", out);
  return out;
}

Inspection inspect_checkpoints(const fs::path& folder, bool verify) {
  Inspection out;
  out.json = {{"kind", "checkpoints"},
              {"path", folder.string()},
              {"latest", pointer(folder / "LATEST")},
              {"best", pointer(folder / "BEST")},
              {"checkpoints", json::array()}};
  for (const auto& path : checkpoints_in(folder)) {
    const Inspection one = inspect_checkpoint(path, verify);
    const std::string name = path.filename().string();
    out.json["checkpoints"].push_back(one.json);
    out.add(name, one.lines.at(1).second + "; " + one.lines.front().second +
                      (name == out.json["latest"] ? "; latest" : "") +
                      (name == out.json["best"] ? "; best" : ""));
  }
  if (out.lines.empty()) out.add("checkpoints", "none");
  return out;
}

Inspection inspect_run(const fs::path& folder, bool verify) {
  const auto config = config::load_experiment({folder / "config.yaml"});
  const bool has_artifact = fs::exists(folder / "artifact"),
             is_finished = fs::exists(folder / "evaluation.json") &&
                           (has_artifact || config.model.name == "baselines");
  Inspection out;
  out.json = {{"kind", "run"},
              {"path", folder.string()},
              {"model", config.model.name},
              {"training_hash", config::training_hash(config)},
              {"panel", config.data.panel},
              {"finished", is_finished}};
  out.add("model", model_words(config));
  out.add("state", is_finished ? "finished" : "not finished: run 'precinct train' again to go on");
  out.add("panel", config.data.panel + (fs::exists(config.data.panel) ? "" : " (not there now)"));
  add_curves(folder / "metrics.jsonl", out);
  const auto checkpoints = inspect_checkpoints(folder / "checkpoints", verify);
  out.json["checkpoints"] = checkpoints.json["checkpoints"];
  for (const auto& [label, text] : checkpoints.lines) out.add(label, text);
  if (has_artifact) {
    const auto artifact = inspect_artifact(folder / "artifact", verify);
    out.json["artifact"] = artifact.json;
    out.add("artifact", artifact.lines.front().second);
  }
  const auto evaluation = evaluation_in(folder);
  out.json["evaluation"] = evaluation;
  add_scores(evaluation, out);
  return out;
}

Inspection inspect_path(const fs::path& path, bool verify) {
  PRECINCT_CHECK(fs::exists(path), IoError,
                 "{}: expected a panel, run, checkpoint or artifact, found nothing; check the path",
                 path.string());
  if (fs::is_directory(path)) {
    if (fs::exists(path / "state.json")) return inspect_checkpoint(path, verify);
    if (fs::exists(path / "features.json") || fs::exists(path / "anchor.json"))
      return inspect_artifact(path, verify);
    if (fs::exists(path / "config.yaml")) return inspect_run(path, verify);
    if (fs::exists(path / "LATEST") || !checkpoints_in(path).empty())
      return inspect_checkpoints(path, verify);
    if (fs::exists(path / models::kManifestName)) models::verify_manifest(path);
    unknown(path);
  }
  if (path.extension() == ".safetensors") return inspect_tensors(path);
  if (is_forecast(path)) return inspect_forecast(path);
  if (is_predictions(path)) return inspect_predictions(path);
  if (is_panel(path)) return inspect_panel(path, verify);
  unknown(path);
}

}  // namespace precinct::apps
