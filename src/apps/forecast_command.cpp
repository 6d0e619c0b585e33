// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "base/error.h"
#include "data/store/panel_store.h"
#include "models/artifact_forecaster.h"
#include "models/baselines/gamma_poisson_baseline.h"
#include "models/forecast_files.h"
#include "train/phase_data.h"

namespace precinct::apps {
namespace {

struct Arguments {
  std::string artifact, panel, origin, out;
  bool json = false;
};

/// Bin of --origin: a date (YYYY-MM-DD[THH:MM]) or nothing for the first bin after the panel.
std::int64_t origin_bin(const std::string& text, const data::Panel& panel) {
  if (text.empty()) return panel.num_bins;
  const std::int64_t bin = panel.axis.bin_of(parse_civil(text, "--origin"));
  PRECINCT_CHECK(bin >= 0 && bin <= panel.num_bins, ConfigError,
                 "--origin: expected a time from {} to {}, found {}; choose one inside the panel "
                 "or right after it",
                 format_civil(panel.axis.start_of(0)),
                 format_civil(panel.axis.start_of(panel.num_bins)), text);
  return bin;
}

int run_forecast(const Arguments& a) {
  models::ArtifactForecaster forecaster(models::load_artifact(a.artifact));
  const auto& artifact = forecaster.artifact();
  const data::Panel panel = data::read_panel(a.panel);
  const std::vector<std::int64_t> origins = {origin_bin(a.origin, panel)};
  const std::int64_t horizon = artifact.config.data.horizon;
  const models::Forecast forecast = forecaster.predict(panel, origins, horizon);
  models::GammaPoissonBaseline baseline;
  baseline.fit(panel, train::split_of(artifact.config.data, panel.num_bins));
  const models::Forecast beside = baseline.predict(panel, origins, horizon);
  models::write_forecast(a.out, {&panel, &forecast, &beside, baseline.name()});
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
  auto a = std::make_shared<Arguments>();
  command->add_option("--artifact", a->artifact, "artifact folder, or the run folder that holds it")
      ->required();
  command->add_option("--panel", a->panel, "panel with the counts up to the origin")->required();
  command->add_option(
      "--origin", a->origin,
      "first bin to forecast, YYYY-MM-DD[THH:MM] (default: the first after the panel)");
  command->add_option("--out", a->out, "file to write: .csv, .geojson or .h5")->required();
  command->add_flag("--json", a->json, "the summary as JSON");
  command->footer(
      "Example: precinct forecast --artifact runs/crimenet --panel out/west_la/panel.h5 --out "
      "week.geojson");
  command->callback([a, &action] { action = [a] { return run_forecast(*a); }; });
}

}  // namespace precinct::apps
