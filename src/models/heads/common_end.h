// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "config/head_config.h"
#include "data/loader/batch.h"
#include "models/forecast_model.h"
#include "models/initialize.h"

namespace precinct::models {

/// A linear map that starts at zero: the last layer of every head, so that training starts from the
/// anchor.
class ZeroLinearImpl : public torch::nn::LinearImpl, public StatesInitial {
 public:
  ZeroLinearImpl(std::int64_t in, std::int64_t out, bool bias = true);
  InitialDistribution initial(const std::string&) const override {
    return InitialDistribution::zero();
  }
};
TORCH_MODULE(ZeroLinear);

/// What the common end computes from, shared by its heads.
struct EndInputs {
  torch::Tensor start;     // log mean at the start, broadcasts to [B, H, N, C]
  torch::Tensor direct;    // [B, N, F] x_origin, last log counts, neighbours' mean log count
  torch::Tensor calendar;  // [B, H, Fg] of the target bins
  torch::Tensor hidden;    // [B, H, N, D_head] hidden layer of the MLP over head_in
};

/// Log mean of one head, per category: log mu0 + linear(x_origin, last 7 log counts, neighbours'
/// mean log count, calendar of the target bin) + last layer of the MLP; all of them zero at the
/// start.
class LogMeanImpl : public torch::nn::Module {
 public:
  LogMeanImpl(std::int64_t num_direct, std::int64_t num_calendar, std::int64_t head_width,
              std::int64_t num_categories);
  /// [B, H, N, C].
  torch::Tensor forward(const EndInputs& in);

 private:
  ZeroLinear direct_{nullptr}, calendar_{nullptr}, deep_{nullptr};
};
TORCH_MODULE(LogMean);

/// The end that all networks share.
///
///   head_in[b,h,n] = state[b,(h,)n] + node_embedding[n] + W_t calendar(target bin h) + W_o
///   x_origin[b,n] log mean       = log mu0 + linear(...) + MLP(head_in)        (LogMean) log
///   dispersion = log alpha0[c] + g(head_in) point          = exp(a log mean of its own)
///
/// mu0 is the anchor of the batch, without one the historical mean per node and category. The MLP
/// has one hidden layer of width D_head with ReLU, shared by the heads. Which members of HeadParams
/// are defined depends on the configured heads; several may be on at once.
class CommonEndImpl : public torch::nn::Module {
 public:
  /// Throws ConfigError on an unknown head.
  CommonEndImpl(const config::HeadConfig& head, const ModelContext& context,
                std::int64_t head_width);
  /// state: [B, 1 | H, N, D_head].
  HeadParams forward(const torch::Tensor& state, const data::Batch& batch);
  bool has_anchor() const { return has_anchor_; }

 private:
  EndInputs inputs(const torch::Tensor& state, const data::Batch& batch);
  torch::Tensor direct_features(const data::Batch& batch) const;

  const std::int64_t lookback_, num_nodes_;
  std::int64_t num_recent_;
  bool has_anchor_, has_count_ = false, has_dispersion_ = false, has_point_ = false;
  torch::nn::Embedding node_embedding_{nullptr};
  torch::nn::Linear calendar_{nullptr}, origin_{nullptr}, hidden_{nullptr};
  LogMean log_mean_{nullptr}, point_{nullptr};
  ZeroLinear dispersion_{nullptr};
  torch::Tensor log_mean0_;                       // [N, C]
  torch::Tensor log_alpha0_;                      // [C]
  torch::Tensor sources_, targets_, edge_share_;  // [E], [E], [E, 1]: neighbours' mean
};
TORCH_MODULE(CommonEnd);

/// True for a parameter of the generalised linear model inside every network: the maps from inputs
/// and calendar straight to the log mean. `name` as in a state dict.
bool is_linear_part(const std::string& name);

/// Bins whose log counts enter the direct map, at most the lookback.
inline constexpr std::int64_t kRecentBins = 7;

}  // namespace precinct::models
