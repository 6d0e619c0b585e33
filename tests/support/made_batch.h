// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <vector>

#include "config/experiment_config.h"
#include "data/loader/batch.h"
#include "models/forecast_model.h"
#include "tests/support/central_differences.h"

namespace precinct::test {

/// Sizes of a made city for tests of networks.
struct MadeSizes {
  std::int64_t windows = 3, nodes = 6, categories = 2, lookback = 8, horizon = 3;
  std::int64_t calendar = 5, origin_features = 4, statics = 3, day_slots = 1;
  bool has_mask = false, has_anchor = true, has_weights = false;
};

inline torch::Generator made_generator(std::uint64_t seed) {
  return at::detail::createCPUGenerator(seed);
}

/// A ring of nodes with one chord, both ways; the last node is isolated.
inline models::ModelContext made_context(const MadeSizes& s, std::uint64_t seed = 7) {
  auto generator = made_generator(seed);
  models::ModelContext c;
  c.num_nodes = s.nodes;
  c.num_categories = s.categories;
  c.lookback = s.lookback;
  c.horizon = s.horizon;
  c.num_calendar = s.calendar;
  c.num_origin_features = s.origin_features;
  c.num_day_slots = s.day_slots;
  c.has_mask = s.has_mask;
  c.has_anchor = s.has_anchor;
  c.statics = torch::randn({s.nodes, s.statics}, generator);
  std::vector<std::int64_t> from, to;
  const auto border = [&](std::int64_t a, std::int64_t b) {
    from.insert(from.end(), {a, b});
    to.insert(to.end(), {b, a});
  };
  for (std::int64_t n = 0; n + 2 < s.nodes; ++n) border(n, n + 1);
  if (s.nodes > 4) border(0, 3);
  c.edge_index =
      torch::stack({torch::tensor(from, torch::kInt64), torch::tensor(to, torch::kInt64)});
  c.edge_weight = torch::ones({c.edge_index.size(1)});
  if (s.has_weights) c.edge_weight = torch::rand({c.edge_index.size(1)}, generator) + 0.1;
  c.log_alpha0 = torch::full({s.categories}, -0.7F);
  c.log_mean0 = torch::randn({s.nodes, s.categories}, generator) * 0.3 - 1.0;
  return c;
}

/// One batch of made windows with small counts.
inline data::Batch made_batch(const MadeSizes& s, std::uint64_t seed = 11) {
  auto generator = made_generator(seed);
  const auto ints = torch::kInt64;
  data::Batch b;
  b.counts = torch::randn({s.windows, s.lookback, s.nodes, s.categories}, generator);
  b.calendar = torch::randn({s.windows, s.lookback + s.horizon, s.calendar}, generator);
  b.day_slot = torch::randint(s.day_slots, {s.windows, s.lookback + s.horizon}, generator, ints);
  b.weekday = torch::randint(7, {s.windows, s.lookback + s.horizon}, generator, ints);
  b.x_origin = torch::randn({s.windows, s.nodes, s.origin_features}, generator);
  if (s.has_anchor)
    b.log_anchor =
        torch::randn({s.windows, s.horizon, s.nodes, s.categories}, generator) * 0.5 - 1.0;
  b.target =
      torch::poisson(torch::full({s.windows, s.horizon, s.nodes, s.categories}, 0.8), generator);
  if (s.has_mask) {
    b.observed =
        (torch::rand({s.windows, s.lookback, s.nodes}, generator) > 0.2).to(torch::kFloat32);
    b.counts = b.counts * b.observed.unsqueeze(-1);
    b.target_observed =
        (torch::rand({s.windows, s.horizon, s.nodes}, generator) > 0.2).to(torch::kFloat32);
  }
  b.origin = torch::arange(100, 100 + s.windows, ints);
  b.position = torch::arange(1000, 1000 + s.windows, ints);
  return b;
}

/// Applies `change` to every tensor of a batch whose first dimension is the window.
template <typename Change>
data::Batch map_batch(const data::Batch& batch, Change change) {
  data::Batch out;
  const auto apply = [&](const at::Tensor& x) { return x.defined() ? change(x) : x; };
  out.counts = apply(batch.counts);
  out.observed = apply(batch.observed);
  out.calendar = apply(batch.calendar);
  out.day_slot = apply(batch.day_slot);
  out.weekday = apply(batch.weekday);
  out.x_origin = apply(batch.x_origin);
  out.log_anchor = apply(batch.log_anchor);
  out.target = apply(batch.target);
  out.target_observed = apply(batch.target_observed);
  out.origin = apply(batch.origin);
  out.position = apply(batch.position);
  return out;
}

/// Windows [begin, end) of a batch.
inline data::Batch batch_rows(const data::Batch& batch, std::int64_t begin, std::int64_t end) {
  return map_batch(batch, [&](const at::Tensor& x) { return x.slice(0, begin, end); });
}

/// The context of a city whose node n is node order[n] of this one.
inline models::ModelContext permute_nodes(const models::ModelContext& context,
                                          const torch::Tensor& order) {
  models::ModelContext out = context;
  out.statics = context.statics.index_select(0, order);
  out.log_mean0 = context.log_mean0.index_select(0, order);
  out.edge_index =
      order.argsort().index_select(0, context.edge_index.view(-1)).view_as(context.edge_index);
  return out;
}

/// Its windows.
inline data::Batch permute_nodes(const data::Batch& batch, const torch::Tensor& order) {
  data::Batch out = batch;
  const auto apply = [&](at::Tensor& x, std::int64_t dim) {
    if (x.defined()) x = x.index_select(dim, order);
  };
  apply(out.counts, 2);
  apply(out.observed, 2);
  apply(out.x_origin, 1);
  apply(out.log_anchor, 2);
  apply(out.target, 2);
  apply(out.target_observed, 2);
  return out;
}

/// The batch with its floating tensors in double.
inline data::Batch in_double(const data::Batch& batch) {
  return map_batch(
      batch, [](const at::Tensor& x) { return x.is_floating_point() ? x.to(torch::kDouble) : x; });
}

/// Parameters and floating buffers in double (Module::to would convert indices too).
inline void to_double(torch::nn::Module& module) {
  for (auto& p : module.parameters()) p.set_data(p.to(torch::kDouble));
  for (auto& b : module.buffers())
    if (b.is_floating_point()) b.set_data(b.to(torch::kDouble));
}

/// Gives every parameter, last layers included, values away from zero.
inline void shake(torch::nn::Module& module, std::uint64_t seed, double scale = 0.2) {
  const torch::NoGradGuard no_grad;
  auto generator = made_generator(seed);
  for (auto& p : module.parameters())
    p.add_(torch::randn(p.sizes(), generator, p.options()) * scale);
}

/// A small configuration of the named network.
inline config::ExperimentConfig made_config(const std::string& name, const MadeSizes& s) {
  config::ExperimentConfig config;
  config.model.name = name;
  config.model.num_layers = 2;
  config.model.hidden = 8;
  config.model.num_heads = 2;
  config.model.head_width = 6;
  config.data.lookback = s.lookback;
  config.data.horizon = s.horizon;
  config.input.node_embedding = 4;
  config.input.hour_embedding = 3;
  config.input.weekday_embedding = 3;
  if (!s.has_anchor) config.head.anchor = "none";
  return config;
}

}  // namespace precinct::test
