// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/measurement.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace precinct::scaling {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RankLayout, dp, pp, tp)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ThreadTrial, threads, seconds)

namespace {

/// What is no number has no form in JSON but null.
std::vector<double> numbers_in(const nlohmann::json& json) {
  std::vector<double> numbers;
  for (const auto& one : json)
    numbers.push_back(one.is_null() ? std::numeric_limits<double>::quiet_NaN() : one.get<double>());
  return numbers;
}

}  // namespace

void to_json(nlohmann::json& json, const RankTimes& times) {
  json = {{"host", times.host},         {"total_seconds", times.total},
          {"data_seconds", times.data}, {"waiting_seconds", times.waiting},
          {"losses", times.losses},     {"gradient_norms", times.gradient_norms}};
}

void from_json(const nlohmann::json& json, RankTimes& times) {
  json.at("host").get_to(times.host);
  json.at("total_seconds").get_to(times.total);
  json.at("data_seconds").get_to(times.data);
  json.at("waiting_seconds").get_to(times.waiting);
  times.losses = numbers_in(json.at("losses"));
  times.gradient_norms = numbers_in(json.at("gradient_norms"));
}

void to_json(nlohmann::json& json, const RunTimes& run) {
  json = {{"name", run.name},
          {"layout", run.layout},
          {"threads", run.threads},
          {"micro_batch", run.micro_batch},
          {"windows_per_step", run.windows_per_step},
          {"refused", run.refused},
          {"ranks", run.ranks},
          {"calls_per_step", run.calls_per_step},
          {"bytes_per_step", run.bytes_per_step}};
}

void from_json(const nlohmann::json& json, RunTimes& run) {
  json.at("name").get_to(run.name);
  json.at("layout").get_to(run.layout);
  json.at("threads").get_to(run.threads);
  json.at("micro_batch").get_to(run.micro_batch);
  json.at("windows_per_step").get_to(run.windows_per_step);
  json.at("refused").get_to(run.refused);
  json.at("ranks").get_to(run.ranks);
  json.at("calls_per_step").get_to(run.calls_per_step);
  json.at("bytes_per_step").get_to(run.bytes_per_step);
}

void to_json(nlohmann::json& json, const Measurement& m) {
  json = {{"name", m.name},
          {"network", m.network},
          {"config_sha256", m.config_hash},
          {"panel_sha256", m.panel_hash},
          {"global_batch_size", m.global_batch_size},
          {"num_nodes", m.num_nodes},
          {"lookback", m.lookback},
          {"horizon", m.horizon},
          {"num_parameters", m.num_parameters},
          {"num_ranks", m.num_ranks},
          {"cores", m.cores},
          {"backend", m.backend},
          {"device", m.device},
          {"warm_up_steps", m.warm_up_steps},
          {"settle_steps", m.settle_steps},
          {"rounds", m.rounds},
          {"steps_per_round", m.steps_per_round},
          {"thread_trials", m.trials},
          {"runs", m.runs}};
}

void from_json(const nlohmann::json& json, Measurement& m) {
  json.at("name").get_to(m.name);
  json.at("network").get_to(m.network);
  json.at("config_sha256").get_to(m.config_hash);
  json.at("panel_sha256").get_to(m.panel_hash);
  json.at("global_batch_size").get_to(m.global_batch_size);
  json.at("num_nodes").get_to(m.num_nodes);
  json.at("lookback").get_to(m.lookback);
  json.at("horizon").get_to(m.horizon);
  json.at("num_parameters").get_to(m.num_parameters);
  json.at("num_ranks").get_to(m.num_ranks);
  json.at("cores").get_to(m.cores);
  json.at("backend").get_to(m.backend);
  json.at("device").get_to(m.device);
  json.at("warm_up_steps").get_to(m.warm_up_steps);
  json.at("settle_steps").get_to(m.settle_steps);
  json.at("rounds").get_to(m.rounds);
  json.at("steps_per_round").get_to(m.steps_per_round);
  json.at("thread_trials").get_to(m.trials);
  json.at("runs").get_to(m.runs);
}

}  // namespace precinct::scaling
