// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>

#include "base/rng.h"
#include "kernels/keyed_dropout.h"
#include "models/network.h"
#include "tests/support/made_batch.h"

namespace precinct::test {

/// A small network in double on a made batch, with what a form of it from plain operators needs.
/// Lookback, mask, edge weights and hours differ from seed to seed.
struct PlainNetwork {
  using Change = std::function<void(config::ExperimentConfig&)>;

  explicit PlainNetwork(const std::string& name, std::uint64_t seed, const Change& change = {}) {
    sizes.lookback = 3 + static_cast<std::int64_t>(seed % 9);
    sizes.has_mask = seed % 3 == 0;
    sizes.has_weights = seed % 4 < 2;
    sizes.day_slots = seed % 5 == 0 ? 4 : 1;
    config = made_config(name, sizes);
    config.model.dropout = 0.3;
    if (change) change(config);
    context = made_context(sizes, seed);
    batch = in_double(made_batch(sizes, seed + 1));
    model = models::build_model(config, context);
    shake(*model, seed + 2);
    to_double(*model);
    model->set_dropout_seed(kDropoutSeed);
  }

  bool has(const std::string& name) const { return model->named_parameters().contains(name); }
  torch::Tensor parameter(const std::string& name) const { return model->named_parameters()[name]; }
  torch::Tensor linear(const std::string& name, const torch::Tensor& x) const {
    return torch::nn::functional::linear(x, parameter(name + ".weight"), parameter(name + ".bias"));
  }
  /// [T, B, N, D] by one product over the concatenated pieces.
  torch::Tensor encoded() const {
    return std::dynamic_pointer_cast<models::Network>(model)->encoder()->concatenated(batch);
  }
  /// Factors of the dropout of a layer for x [B, T, N, D], from the stream's name and the windows.
  torch::Tensor dropped(const std::string& layer, const torch::Tensor& x) const {
    return kernels::keyed_dropout_factors(x.sizes(), batch.position,
                                          stream_key(kDropoutSeed, "dropout/" + layer),
                                          config.model.dropout);
  }
  /// Largest difference between the network and its head over `state`.
  double distance(const torch::Tensor& state) const {
    const auto mine = model->forward(batch), plain = model->head({state}, batch);
    const auto difference = [](const torch::Tensor& a, const torch::Tensor& b) {
      return a.sizes() == b.sizes() ? (a - b).abs().max().item<double>() : HUGE_VAL;
    };
    return std::max(difference(mine.log_mean, plain.log_mean),
                    difference(mine.log_dispersion, plain.log_dispersion));
  }

  static constexpr std::uint64_t kDropoutSeed = 99;
  MadeSizes sizes;
  config::ExperimentConfig config;
  models::ModelContext context;
  data::Batch batch;
  std::shared_ptr<models::ForecastModel> model;
};

}  // namespace precinct::test
