// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/keyed_dropout.h"

namespace precinct::models {

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
                               const std::string& layer) const {
  if (dropout_ == 0 || !is_training()) return x_tbnd;
  return kernels::keyed_dropout(x_tbnd.transpose(0, 1), batch.position, dropout_layer_key(layer),
                                dropout_)
      .transpose(0, 1);
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
