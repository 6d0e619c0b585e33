// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/cuda_library.h"
#include "apps/output_file.h"
#include "base/distinct_files.h"
#include "base/error.h"
#include "base/log.h"
#include "config/experiment_config.h"
#include "data/store/panel_store.h"
#include "models/artifact_forecaster.h"
#include "models/baselines/gamma_poisson_baseline.h"
#include "models/forecast_files.h"
#include "train/phase_data.h"
#include "train/training_device.h"

namespace precinct::apps {
namespace {

struct ForecastArguments {
  std::string artifact, panel, origin, out, device = "auto";
  bool json = false, no_verify = false;
};

CivilTime parse_origin(const std::string& text) {
  try {
    return parse_civil(text, "--origin");
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

/// Bin of --origin: a date (YYYY-MM-DD[THH:MM]) or nothing for the first bin after the panel. It
/// has `lookback` bins before it.
std::int64_t origin_bin(const std::string& text, const data::Panel& panel, std::int64_t lookback) {
  const std::int64_t bin = text.empty() ? panel.num_bins : panel.axis.bin_of(parse_origin(text));
  PRECINCT_CHECK(bin >= 0 && bin <= panel.num_bins, ConfigError,
                 "--origin: expected a time from {} to {}, found {}; choose one inside the panel "
                 "or right after it",
                 format_civil(panel.axis.start_of(0)),
                 format_civil(panel.axis.start_of(panel.num_bins)), text);
  PRECINCT_CHECK(bin >= lookback, DataError,
                 "origin {}: expected {} bins of history before it (data.lookback of the "
                 "artifact), found {}; the earliest possible origin is {}",
                 format_civil(panel.axis.start_of(bin)), lookback, bin,
                 format_civil(panel.axis.start_of(lookback)));
  PRECINCT_CHECK(
      text.empty() || panel.axis.start_of(bin) == parse_origin(text), ConfigError,
      "--origin: expected the start of a bin ({}), found {}; {} is the one that it lies in",
      panel.axis.spec().to_string(), text, format_civil(panel.axis.start_of(bin)));
  return bin;
}

/// A run's folder holds it.
std::filesystem::path artifact_folder(const std::filesystem::path& path) {
  return std::filesystem::exists(path / "artifact") ? path / "artifact" : path;
}

models::Artifact read_artifact(const std::filesystem::path& path) {
  const bool is_run = std::filesystem::exists(path / "config.yaml") &&
                      !std::filesystem::exists(path / "features.json");
  PRECINCT_CHECK(!is_run || std::filesystem::exists(path / "artifact") ||
                     config::load_experiment({path / "config.yaml"}).model.name != "baselines",
                 ConfigError,
                 "--artifact {}: expected a run of a network, found one of the baselines alone, "
                 "which keeps no artifact; train a network (model.name: dnn, crimenet or gat_tcn): "
                 "its forecast file has a baseline's means beside its own",
                 path.string());
  PRECINCT_CHECK(
      std::filesystem::exists(path / "artifact") || std::filesystem::exists(path / "MANIFEST.json"),
      IoError,
      "--artifact {}: expected an artifact folder, or a run folder that holds one, "
      "found {}; {}",
      path.string(),
      is_run                          ? "a run without artifact/"
      : std::filesystem::exists(path) ? "neither"
                                      : "no such folder",
      is_run ? "train it to its end" : "check the path");
  return models::load_artifact(path);
}

/// What the baseline beside the forecast may learn from: nothing from the origin on. Its constants
/// are chosen on as many bins as a validation range has, or on a quarter of a short history.
data::Split history_before(std::int64_t origin, std::int64_t fit_bins) {
  const std::int64_t size =
      std::clamp<std::int64_t>(fit_bins / 8, 1, std::max<std::int64_t>(1, origin / 4));
  return {{0, origin - size}, {origin - size, origin}, {origin, origin}, {}};
}

void warn_if_seen(const data::Panel& panel, const data::FeatureSpec& features, std::int64_t origin,
                  std::int64_t horizon) {
  const data::BinRange learnt = features.learnt_bins(panel.axis);
  if (!learnt.overlaps({origin, origin + horizon})) return;
  spdlog::warn(
      "origin {}: the weights learnt from bins up to {}; this is no forecast of the unseen",
      format_civil(panel.axis.start_of(origin)),
      format_date(panel.axis.last_day_of(learnt.end - 1)));
}

int run_forecast(const ForecastArguments& a) {
  require_device(a.device);
  models::check_forecast_path(a.out);
  models::ArtifactForecaster forecaster(read_artifact(a.artifact),
                                        train::training_device(a.device));
  const auto& artifact = forecaster.artifact();
  require_distinct({{"--out", a.out}}, {{"the panel", a.panel},
                                        {"the panel's checksum", a.panel + ".sha256"},
                                        {"the panel's provenance", a.panel + ".provenance.json"},
                                        {"the artifact", artifact_folder(a.artifact)}});
  const data::Panel panel = data::read_panel(a.panel, !a.no_verify);
  models::check_panel(artifact, panel);
  const std::vector<std::int64_t> origins = {
      origin_bin(a.origin, panel, artifact.config.data.lookback)};
  const std::int64_t horizon = artifact.config.data.horizon;
  warn_if_seen(panel, artifact.features, origins[0], horizon);
  const models::Forecast forecast = forecaster.predict(panel, origins, horizon);
  models::GammaPoissonBaseline baseline;
  baseline.fit(panel, history_before(origins[0], artifact.features.fit_range.size()));
  const models::Forecast beside = baseline.predict(panel, origins, horizon);
  write_output(a.out, [&] {
    models::write_forecast(a.out, {&panel, &forecast, &beside, baseline.name()});
  });
  const std::string begin = format_civil(panel.axis.start_of(origins[0])),
                    end = format_civil(panel.axis.start_of(origins[0] + horizon));
  if (a.json) {
    fmt::print("{}\n", nlohmann::json({{"out", a.out},
                                       {"origin", begin},
                                       {"end", end},
                                       {"bins", horizon},
                                       {"districts", panel.num_nodes},
                                       {"categories", panel.num_categories}})
                           .dump(2));
  } else {
    fmt::print("{}: {} bins from {} to {}, {} districts x {} categories\n", a.out, horizon, begin,
               end, panel.num_nodes, panel.num_categories);
  }
  return 0;
}

}  // namespace

void add_forecast_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "forecast", "mean and quantiles per district, category and bin from an artifact");
  auto a = std::make_shared<ForecastArguments>();
  command->add_option("--artifact", a->artifact, "artifact folder, or the run folder that holds it")
      ->required();
  command->add_option("--panel", a->panel, "panel with the counts up to the origin")->required();
  command->add_option(
      "--origin", a->origin,
      "first bin to forecast, YYYY-MM-DD[THH:MM] (default: the first after the panel); one "
      "that the network has learnt from is said on stderr");
  command->add_option("--out", a->out, "file to write: .csv, .geojson or .h5")->required();
  command->add_flag("--no-verify", a->no_verify, "do not check the panel's sha256");
  command->add_option("--device", a->device, "auto, cpu or cuda: where the network runs")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command->add_flag("--json", a->json, "the summary as JSON");
  command->footer(std::string("Example: precinct forecast --artifact runs/west_la_crimenet --panel "
                              "out/west_la/panel.h5 "
                              "--out "
                              "week.geojson") +
                  kExitCodes);
  command->callback([a, &action] { action = [a] { return run_forecast(*a); }; });
}

}  // namespace precinct::apps
