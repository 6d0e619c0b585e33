// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/heads/common_end.h"

#include "base/error.h"
#include "models/input_encoder.h"

namespace precinct::models {

ZeroLinearImpl::ZeroLinearImpl(std::int64_t in, std::int64_t out, bool bias)
    : torch::nn::LinearImpl(torch::nn::LinearOptions(in, out).bias(bias)) {
  const torch::NoGradGuard no_grad;
  weight.zero_();
  if (bias) this->bias.zero_();
}

LogMeanImpl::LogMeanImpl(std::int64_t num_direct, std::int64_t num_calendar,
                         std::int64_t head_width, std::int64_t num_categories) {
  direct_ = register_module("direct", ZeroLinear(num_direct, num_categories));
  if (num_calendar > 0)
    calendar_ =
        register_module("calendar", ZeroLinear(num_calendar, num_categories, /*bias=*/false));
  deep_ = register_module("deep", ZeroLinear(head_width, num_categories, /*bias=*/false));
}

torch::Tensor LogMeanImpl::forward(const EndInputs& in) {
  torch::Tensor y = deep_(in.hidden) + direct_(in.direct).unsqueeze(1);
  if (calendar_) y = y + calendar_(in.calendar).unsqueeze(2);
  return y + in.start;
}

CommonEndImpl::CommonEndImpl(const config::HeadConfig& head, const ModelContext& context,
                             std::int64_t head_width)
    : lookback_(context.lookback),
      num_nodes_(context.num_nodes),
      num_recent_(std::min(kRecentBins, context.lookback)),
      has_anchor_(context.has_anchor && head.anchor != "none") {
  std::vector<std::string> names{head.name};
  names.insert(names.end(), head.extra.begin(), head.extra.end());
  for (const std::string& name : names) {
    PRECINCT_CHECK(
        name == "point" || name == "poisson" || name == "negative_binomial", ConfigError,
        "head.name: expected point, poisson or negative_binomial, found '{}'; choose one of them",
        name);
    has_point_ |= name == "point";
    has_count_ |= name != "point";
    has_dispersion_ |= name == "negative_binomial";
  }
  const std::int64_t num_categories = context.num_categories;
  const std::int64_t num_direct = context.num_origin_features + (num_recent_ + 1) * num_categories;
  node_embedding_ = register_module("node_embedding", torch::nn::Embedding(num_nodes_, head_width));
  const auto linear = [&](const char* name, std::int64_t in, bool bias) {
    return register_module(name,
                           torch::nn::Linear(torch::nn::LinearOptions(in, head_width).bias(bias)));
  };
  if (context.num_calendar > 0) calendar_ = linear("calendar", context.num_calendar, false);
  if (context.num_origin_features > 0)
    origin_ = linear("origin", context.num_origin_features, false);
  hidden_ = linear("hidden", head_width, true);
  const auto log_mean = [&](const char* name) {
    return register_module(name,
                           LogMean(num_direct, context.num_calendar, head_width, num_categories));
  };
  if (has_count_) log_mean_ = log_mean("log_mean");
  if (has_dispersion_)
    dispersion_ = register_module("dispersion", ZeroLinear(head_width, num_categories));
  if (has_point_) point_ = log_mean("point");
  const auto floats = torch::kFloat32;
  log_mean0_ = register_buffer("log_mean0", context.log_mean0.defined()
                                                ? context.log_mean0.to(floats)
                                                : torch::zeros({num_nodes_, num_categories}));
  log_alpha0_ =
      register_buffer("log_alpha0", context.log_alpha0.defined() ? context.log_alpha0.to(floats)
                                                                 : torch::zeros({num_categories}));
  const torch::Tensor edges =
      context.edge_index.defined() ? context.edge_index : torch::zeros({2, 0}, torch::kInt64);
  sources_ = register_buffer("sources", edges[0].contiguous());
  targets_ = register_buffer("targets", edges[1].contiguous());
  const torch::Tensor weight = context.edge_weight.defined() ? context.edge_weight.to(floats)
                                                             : torch::ones({edges.size(1)}, floats);
  const torch::Tensor total = torch::zeros({num_nodes_}, floats).index_add_(0, targets_, weight);
  edge_share_ =
      register_buffer("edge_share", (weight / total.index_select(0, targets_)).unsqueeze(-1));
}

torch::Tensor CommonEndImpl::direct_features(const data::Batch& batch) const {
  const std::int64_t num_windows = batch.counts.size(0);
  // [B, r, N, C]: the last bins, oldest first
  const torch::Tensor recent = masked_counts(batch).slice(1, lookback_ - num_recent_, lookback_);
  const torch::Tensor level = recent.mean(1);  // [B, N, C]
  const torch::Tensor neighbours = torch::zeros_like(level).index_add_(
      1, targets_, level.index_select(1, sources_) * edge_share_);
  std::vector<torch::Tensor> parts;
  if (origin_) parts.push_back(batch.x_origin);
  parts.push_back(recent.permute({0, 2, 1, 3}).reshape({num_windows, num_nodes_, -1}));
  parts.push_back(neighbours);
  return torch::cat(parts, -1);
}

EndInputs CommonEndImpl::inputs(const torch::Tensor& state, const data::Batch& batch) {
  EndInputs in;
  in.start = has_anchor_ ? batch.log_anchor : log_mean0_;
  in.direct = direct_features(batch);
  torch::Tensor head_in = state + node_embedding_->weight;
  if (origin_) head_in = head_in + origin_(batch.x_origin).unsqueeze(1);
  if (calendar_) {
    in.calendar = batch.calendar.slice(1, lookback_);
    head_in = head_in + calendar_(in.calendar).unsqueeze(2);
  }
  in.hidden = torch::relu(hidden_(head_in));
  return in;
}

HeadParams CommonEndImpl::forward(const torch::Tensor& state, const data::Batch& batch) {
  const EndInputs in = inputs(state, batch);
  HeadParams out;
  if (has_count_) out.log_mean = log_mean_(in);
  if (has_dispersion_) out.log_dispersion = dispersion_(in.hidden) + log_alpha0_;
  if (has_point_) out.point = point_(in).exp();
  return out;
}

bool is_linear_part(const std::string& name) {
  const auto holds = [&](const char* part) { return name.find(part) != std::string::npos; };
  return (holds("log_mean.") || holds("point.")) && (holds(".direct.") || holds(".calendar."));
}

}  // namespace precinct::models
