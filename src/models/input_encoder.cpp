// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/input_encoder.h"

#include <cmath>

namespace precinct::models {
namespace F = torch::nn::functional;

LinearPartImpl::LinearPartImpl(std::int64_t in, std::int64_t out, bool bias,
                               std::int64_t total_fan_in)
    : torch::nn::LinearImpl(torch::nn::LinearOptions(in, out).bias(bias)),
      bound_(1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(total_fan_in, 1)))) {}

InitialDistribution LinearPartImpl::initial(const std::string&) const {
  return InitialDistribution::uniform(bound_);
}

torch::Tensor masked_counts(const data::Batch& batch) {
  if (!batch.observed.defined()) return batch.counts;
  const torch::Tensor seen = batch.observed.unsqueeze(-1) > 0;
  return torch::where(seen, batch.counts, torch::zeros({}, batch.counts.options()));
}

InputEncoderImpl::InputEncoderImpl(const config::InputConfig& input, const ModelContext& context,
                                   std::int64_t width)
    : lookback_(context.lookback), width_(width), has_mask_(context.has_mask) {
  const std::int64_t num_static = context.statics.defined() ? context.statics.size(1) : 0;
  const bool has_hours = context.num_day_slots > 1 && input.hour_embedding > 0;
  const std::int64_t fan_in = context.num_categories + (has_mask_ ? 1 : 0) + context.num_calendar +
                              num_static + input.node_embedding +
                              (has_hours ? input.hour_embedding : 0) + input.weekday_embedding;
  const auto part = [&](const char* name, std::int64_t in, bool bias) {
    return register_module(name, LinearPart(in, width, bias, fan_in));
  };
  const auto table = [&](const char* name, std::int64_t rows, std::int64_t columns) {
    return register_module(name, torch::nn::Embedding(rows, columns));
  };
  counts_ = part("counts", context.num_categories, /*bias=*/true);
  if (has_mask_) observed_ = part("observed", 1, false);
  if (context.num_calendar > 0) calendar_ = part("calendar", context.num_calendar, false);
  if (num_static > 0) {
    statics_ = part("statics", num_static, false);
    static_features_ =
        register_buffer("static_features", context.statics.to(counts_->weight.scalar_type()));
  }
  if (input.node_embedding > 0) {
    node_table_ = table("node_embedding", context.num_nodes, input.node_embedding);
    node_ = part("node", input.node_embedding, false);
  }
  if (has_hours) {
    hour_table_ = table("hour_embedding", context.num_day_slots, input.hour_embedding);
    hour_ = part("hour", input.hour_embedding, false);
  }
  if (input.weekday_embedding > 0) {
    weekday_table_ = table("weekday_embedding", 7, input.weekday_embedding);
    weekday_ = part("weekday", input.weekday_embedding, false);
  }
}

torch::Tensor InputEncoderImpl::cells(const data::Batch& batch) const {
  torch::Tensor counts = masked_counts(batch);
  if (!has_mask_) return counts;
  const torch::Tensor seen = batch.observed.defined()
                                 ? batch.observed.unsqueeze(-1).to(counts.dtype())
                                 : torch::ones_like(counts.slice(-1, 0, 1));
  return torch::cat({counts, seen}, -1);
}

InputEncoderImpl::Pieces InputEncoderImpl::pieces(const data::Batch& batch) {
  Pieces pieces;
  pieces.cells = cells(batch);
  pieces.cell_weight =
      has_mask_ ? torch::cat({counts_->weight, observed_->weight}, 1) : counts_->weight;
  torch::Tensor per_bin = counts_->bias;  // [B, T, D] after the first sum
  if (calendar_)
    per_bin = per_bin + F::linear(batch.calendar.slice(1, 0, lookback_), calendar_->weight);
  // A product of table and weight is a table again: rows are projected once, then looked up.
  if (hour_)
    per_bin = per_bin + torch::embedding(F::linear(hour_table_->weight, hour_->weight),
                                         batch.day_slot.slice(1, 0, lookback_));
  if (weekday_)
    per_bin = per_bin + torch::embedding(F::linear(weekday_table_->weight, weekday_->weight),
                                         batch.weekday.slice(1, 0, lookback_));
  pieces.per_bin = per_bin.expand({batch.counts.size(0), lookback_, width_});
  torch::Tensor per_node;
  if (statics_) per_node = F::linear(static_features_, statics_->weight);
  if (node_) {
    const torch::Tensor identity = F::linear(node_table_->weight, node_->weight);
    per_node = per_node.defined() ? per_node + identity : identity;
  }
  if (!per_node.defined())
    per_node = torch::zeros({batch.counts.size(2), width_}, counts_->bias.options());
  pieces.per_node = per_node;
  return pieces;
}

torch::Tensor InputEncoderImpl::forward(const data::Batch& batch) {
  const Pieces p = pieces(batch);
  torch::Tensor x = F::linear(p.cells.transpose(0, 1).contiguous(), p.cell_weight);
  x.add_(p.per_bin.transpose(0, 1).unsqueeze(2));
  x.add_(p.per_node);
  return x;
}

torch::Tensor InputEncoderImpl::concatenated(const data::Batch& batch) {
  const torch::Tensor counts = cells(batch);
  const std::int64_t num_windows = counts.size(0), num_nodes = counts.size(2);
  std::vector<torch::Tensor> inputs{counts}, weights{counts_->weight};
  if (has_mask_) weights.push_back(observed_->weight);
  const auto add = [&](const torch::Tensor& features, const torch::Tensor& weight) {
    inputs.push_back(features.expand({num_windows, lookback_, num_nodes, features.size(-1)}));
    weights.push_back(weight);
  };
  if (calendar_) add(batch.calendar.slice(1, 0, lookback_).unsqueeze(2), calendar_->weight);
  if (statics_) add(static_features_, statics_->weight);
  if (node_) add(node_table_->weight, node_->weight);
  if (hour_) add(hour_table_(batch.day_slot.slice(1, 0, lookback_)).unsqueeze(2), hour_->weight);
  if (weekday_)
    add(weekday_table_(batch.weekday.slice(1, 0, lookback_)).unsqueeze(2), weekday_->weight);
  return F::linear(torch::cat(inputs, -1), torch::cat(weights, 1), counts_->bias).transpose(0, 1);
}

}  // namespace precinct::models
