// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/artifact_forecaster.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "models/safetensors.h"

namespace precinct::models {
namespace {

Family family_of(const config::HeadConfig& head) {
  if (head.name == "point") return Family::kPoint;
  return head.name == "poisson" ? Family::kPoisson : Family::kNegativeBinomial2;
}

/// A panel that begins later than the one that the artifact was made for has less to remember.
void warn_of_short_history(const data::FeatureSpec& learnt, const data::Panel& panel) {
  const std::int64_t first_day = panel.axis.start().day;
  if (!learnt.first_day || first_day <= *learnt.first_day) return;
  spdlog::warn(
      "panel: begins on {}, that of the artifact on {}: weighted means and anchor see less history "
      "than in training; ingest from {} on",
      format_date(first_day), format_date(*learnt.first_day), format_date(*learnt.first_day));
}

void append(std::vector<float>& out, const torch::Tensor& values, std::int64_t horizon) {
  const torch::Tensor host =
      values.narrow(1, 0, horizon).to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* data = host.const_data_ptr<float>();
  out.insert(out.end(), data, data + host.numel());
}

}  // namespace

Forecast predict_windows(ForecastModel& model, const config::HeadConfig& head,
                         const data::ResidentSeries& series, std::span<const std::int64_t> origins,
                         std::int64_t horizon, std::int64_t chunk) {
  const torch::NoGradGuard no_grad;
  const bool was_training = model.is_training();
  model.eval();
  Forecast forecast;
  forecast.origins.assign(origins.begin(), origins.end());
  forecast.family = family_of(head);
  forecast.horizon = horizon;
  for (std::size_t begin = 0; begin < origins.size(); begin += static_cast<std::size_t>(chunk)) {
    std::vector<data::WindowRef> windows;
    for (std::size_t i = begin;
         i < std::min(origins.size(), begin + static_cast<std::size_t>(chunk)); ++i)
      windows.push_back({origins[i], 0});
    const HeadParams params = model.forward(series.gather(windows));
    const bool point = forecast.family == Family::kPoint;
    const torch::Tensor mean = (point ? params.point : params.log_mean.exp()).clamp_min(1e-4);
    forecast.num_nodes = mean.size(2);
    forecast.num_categories = mean.size(3);
    append(forecast.mean, mean, horizon);
    if (forecast.family == Family::kNegativeBinomial2)
      append(forecast.dispersion,
             params.log_dispersion.clamp(std::log(1e-6), std::log(1e3)).exp().expand_as(mean),
             horizon);
  }
  model.train(was_training);
  return forecast;
}

ArtifactForecaster::ArtifactForecaster(Artifact artifact, c10::Device device)
    : artifact_(std::move(artifact)), device_(device) {}

void ArtifactForecaster::fit(const data::Panel&, const data::Split&) {
  throw ConfigError(
      "artifact: expected predict() only, found fit(); train a configuration to get new weights");
}

void ArtifactForecaster::prepare(const data::Panel& panel) {
  if (panel_ == &panel) return;
  check_panel(artifact_, panel);
  warn_of_short_history(artifact_.features, panel);
  const auto& config = artifact_.config;
  features_ =
      data::FeatureSet::compute(panel, artifact_.features, config.data.horizon, artifact_.anchor);
  series_ = std::make_unique<data::ResidentSeries>(panel, features_, config.data.lookback,
                                                   config.data.horizon, device_);
  if (!model_) {
    auto context = make_context(config, panel, artifact_.features, features_, artifact_.anchor,
                                artifact_.graph);
    context.has_mask = artifact_.has_mask;
    model_ = build_model(config, context);
    copy_by_name(named_tensors(*model_), artifact_.weights, "artifact/model.safetensors");
    model_->to(device_);
  }
  panel_ = &panel;
}

void ArtifactForecaster::check_origins(std::span<const std::int64_t> origins,
                                       const data::Panel& panel) const {
  const std::int64_t lookback = artifact_.config.data.lookback;
  for (const std::int64_t e : origins)
    PRECINCT_CHECK(e >= lookback && e <= panel.num_bins, DataError,
                   "origin {}: expected {}..{} (data.lookback bins before it inside the panel), "
                   "found it outside; "
                   "choose another origin or a longer panel",
                   e, lookback, panel.num_bins);
  if (!artifact_.anchor || origins.empty()) return;
  const double needed = 2 * artifact_.anchor->half_life;
  const auto first = *std::min_element(origins.begin(), origins.end());
  // long-run shares (1e4 days) never have that much: the oldest bin then counts almost fully
  if (static_cast<double>(first) < needed && artifact_.anchor->half_life < 5000)
    spdlog::warn(
        "origin {}: the anchor wants {:.0f} bins of history (2 half-lives), there are {}; its "
        "level "
        "leans on few counts, so score later origins or use a panel that begins earlier",
        first, needed, first);
}

Forecast ArtifactForecaster::predict(const data::Panel& panel,
                                     std::span<const std::int64_t> origins, std::int64_t horizon) {
  PRECINCT_CHECK(
      horizon >= 1 && horizon <= artifact_.config.data.horizon, ConfigError,
      "horizon: expected 1..{} (data.horizon of the artifact), found {}; train with a longer one",
      artifact_.config.data.horizon, horizon);
  check_origins(origins, panel);
  prepare(panel);
  return predict_windows(*model_, artifact_.config.head, *series_, origins, horizon);
}

}  // namespace precinct::models
