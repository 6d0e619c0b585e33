// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/unit_split.h"

namespace precinct::models {

struct TemporalBlockOptions {
  std::int64_t width = 32;  // D
  std::int64_t kernel_size = 2;
  std::int64_t dilation = 1;
  bool is_last = false;  // the last block passes nothing on: it has no residual map
};

/// One block of gated dilated causal convolution (van den Oord et al. 2016):
///
///   z = tanh(conv_f(x)) * sigmoid(conv_g(x)),   x' = x + W z,   skip = V z at the last bin
///   conv(x)[t] = b + sum_k weight[:, :, k] x[t - (kernel_size - 1 - k) dilation]     (zero left of
///   the window)
///
/// filter and gate hold the parameters of a torch::nn::Conv1d, [D, D, kernel].
/// Rows are bins first, [P, R, D]: only the bins that later blocks look at are computed.
class TemporalBlockImpl : public torch::nn::Module {
 public:
  /// What a block turns its input into; `x` is undefined after the last block.
  struct Output {
    torch::Tensor x;     // [P', R, D] at the wanted positions
    torch::Tensor skip;  // [R, D] at the last of them
  };
  explicit TemporalBlockImpl(const TemporalBlockOptions& options);
  /// x: [P, R, D], the input at `have` (ascending bins); returns the output at `want`, which must
  /// be a part of `have` together with all bins that the convolution needs, 0 or later.
  Output forward(const torch::Tensor& x, const std::vector<std::int64_t>& have,
                 const std::vector<std::int64_t>& want, const UnitSplit& split = {});
  /// Units of z in parts: filter and gate by outputs, residual and skip by inputs.
  SplitPlan split_plan() const;
  /// Bins of the input that `want` needs, ascending; those left of the window are zero and not
  /// listed.
  std::vector<std::int64_t> needed(const std::vector<std::int64_t>& want) const;

 private:
  torch::Tensor convolve(const torch::Tensor& x, const std::vector<std::int64_t>& have,
                         const std::vector<std::int64_t>& want) const;

  TemporalBlockOptions options_;
  torch::nn::Conv1d filter_{nullptr}, gate_{nullptr};  // never called: their parameters are used
  torch::nn::Linear residual_{nullptr}, skip_{nullptr};
};
TORCH_MODULE(TemporalBlock);

}  // namespace precinct::models
