// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/keyed_dropout.h"

namespace precinct::models {

SplitPlan ForecastModel::split_plan(std::int64_t count) const {
  throw ConfigError(
      fmt::format("parallel.tp: expected 1, found {} with model.name: {}, whose units cannot be "
                  "shared out; use parallel.dp",
                  count, name()));
}

Network::Network(const std::string& name, const config::ExperimentConfig& config,
                 const ModelContext& context, std::int64_t encoder_width)
    : ForecastModel(name), context_(context), dropout_(config.model.dropout) {
  PRECINCT_CHECK(dropout_ >= 0 && dropout_ < 1, ConfigError,
                 "model.dropout: expected a share in [0, 1), found {}; choose e.g. 0.1", dropout_);
  input_ = register_module("input", InputEncoder(config.input, context, encoder_width));
  head_ = register_module("head", CommonEnd(config.head, context, config.model.head_width));
}

HeadParams Network::forward(const data::Batch& batch) {
  check_batch(batch);
  TensorList carried;
  for (const Stage& stage : stages()) carried = stage.forward(std::move(carried), batch);
  return head(carried, batch);
}

HeadParams Network::head(const TensorList& carried, const data::Batch& batch) {
  return head_->forward(carried.at(0), batch);
}

std::uint64_t Network::dropout_layer_key(const std::string& layer) const {
  return stream_key(dropout_key_.seed, "dropout/" + layer);
}

torch::Tensor Network::dropout(const torch::Tensor& x_tbnd, const data::Batch& batch,
                               const std::string& layer, bool is_part) const {
  if (dropout_ == 0 || !is_training()) return x_tbnd;
  const std::int64_t first_unit = is_part ? split_->index() * x_tbnd.size(-1) : 0;
  return kernels::keyed_dropout(x_tbnd.transpose(0, 1), batch.position, dropout_layer_key(layer),
                                dropout_, {.unit = first_unit})
      .transpose(0, 1);
}

void Network::require_multiple(const std::string& key, std::int64_t units, std::int64_t count,
                               const std::string& remedy_too) {
  PRECINCT_CHECK(
      units % count == 0, ConfigError,
      "parallel.tp: expected a divisor of {}, found {} with {}: {}; choose e.g. {}: {}{}", key,
      count, key, units, key, (units / count + 1) * count, remedy_too);
}

SplitPlan Network::with_prefix(const std::string& prefix, const SplitPlan& plan) {
  SplitPlan named;
  for (const auto& [name, split] : plan) named[prefix + name] = split;
  return named;
}

void Network::check_batch(const data::Batch& batch) const {
  const std::int64_t b = batch.counts.size(0), t = context_.lookback, h = context_.horizon;
  const std::int64_t n = context_.num_nodes, c = context_.num_categories;
  const auto expect = [](const char* what, const torch::Tensor& x,
                         std::vector<std::int64_t> shape) {
    PRECINCT_CHECK(
        x.defined() && x.sizes() == at::IntArrayRef(shape), ShapeError,
        "batch.{}: expected [{}], found [{}]; the network was built for another panel", what,
        fmt::join(shape, ", "),
        x.defined() ? fmt::format("{}", fmt::join(x.sizes(), ", ")) : std::string("nothing"));
  };
  expect("counts", batch.counts, {b, t, n, c});
  if (context_.num_calendar > 0)
    expect("calendar", batch.calendar, {b, t + h, context_.num_calendar});
  if (context_.num_origin_features > 0)
    expect("x_origin", batch.x_origin, {b, n, context_.num_origin_features});
  if (head_->has_anchor()) expect("log_anchor", batch.log_anchor, {b, h, n, c});
}

}  // namespace precinct::models
