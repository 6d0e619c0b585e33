// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "config/data_config.h"
#include "data/loader/batch.h"
#include "models/forecast_model.h"
#include "models/initialize.h"

namespace precinct::models {

/// A linear map that is one block of columns of a wider one: y = W x [+ b] with W [out, in] drawn
/// as torch draws the whole, U(+-1/sqrt(total_fan_in)).
class LinearPartImpl : public torch::nn::LinearImpl, public StatesInitial {
 public:
  LinearPartImpl(std::int64_t in, std::int64_t out, bool bias, std::int64_t total_fan_in);
  InitialDistribution initial(const std::string& parameter) const override;

 private:
  double bound_;
};
TORCH_MODULE(LinearPart);

/// What one window looks like at the entrance of every network:
///
///   x[b,t,n] = W_c counts[b,t,n] + W_m observed[b,t,n] + W_g calendar[b,t] + W_s static[n]
///            + W_n node_embedding[n] + W_h hour_embedding[slot[b,t]] + W_d
///            weekday_embedding[weekday[b,t]] + bias
///
/// which equals one linear map of the concatenated pieces (`concatenated()`, the test reference),
/// but projects the calendar once per bin and the static part once per node. Counts are 0 where
/// unobserved whatever the batch holds there; W_m exists with a mask only, the hour table with more
/// than one time bin a day only. All tensors on the parameters' device.
class InputEncoderImpl : public torch::nn::Module {
 public:
  /// The map in pieces, for networks whose first layer is linear too: x = cells W^T + per_bin +
  /// per_node.
  struct Pieces {
    torch::Tensor cells;        // [B, T, N, C'] counts and mask channel
    torch::Tensor cell_weight;  // [D, C']
    torch::Tensor per_bin;      // [B, T, D], bias included
    torch::Tensor per_node;     // [N, D]
  };

  InputEncoderImpl(const config::InputConfig& input, const ModelContext& context,
                   std::int64_t width);
  Pieces pieces(const data::Batch& batch);
  /// [T, B, N, D]: bins first, so that rows of one bin are one block.
  torch::Tensor forward(const data::Batch& batch);
  /// The same as one matrix product over the concatenated pieces, [T, B, N, D]: reference.
  torch::Tensor concatenated(const data::Batch& batch);
  std::int64_t width() const { return width_; }

 private:
  torch::Tensor cells(const data::Batch& batch) const;

  std::int64_t lookback_, width_;
  bool has_mask_;
  LinearPart counts_{nullptr}, observed_{nullptr}, calendar_{nullptr}, statics_{nullptr};
  LinearPart node_{nullptr}, hour_{nullptr}, weekday_{nullptr};
  torch::nn::Embedding node_table_{nullptr}, hour_table_{nullptr}, weekday_table_{nullptr};
  torch::Tensor static_features_;  // [N, Fs]
};
TORCH_MODULE(InputEncoder);

/// Counts of the lookback with 0 where unobserved, [B, T, N, C].
torch::Tensor masked_counts(const data::Batch& batch);

}  // namespace precinct::models
