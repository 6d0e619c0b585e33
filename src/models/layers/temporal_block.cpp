// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/layers/temporal_block.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace precinct::models {
namespace {

// Rows of x ([P, R, D], bins `have`) at the bins `want`: a view when they are evenly spaced in it.
torch::Tensor rows_at(const torch::Tensor& x, const std::vector<std::int64_t>& have,
                      const std::vector<std::int64_t>& want) {
  std::vector<std::int64_t> places;
  for (const std::int64_t bin : want) {
    const auto found = std::lower_bound(have.begin(), have.end(), bin);
    PRECINCT_CHECK(found != have.end() && *found == bin, ShapeError,
                   "temporal block: expected bin {} among its input, found none; pass needed(want)",
                   bin);
    places.push_back(found - have.begin());
  }
  const std::int64_t step = places.size() > 1 ? places[1] - places[0] : 1;
  for (std::size_t i = 1; i < places.size(); ++i)
    if (places[i] - places[i - 1] != step)
      return x.index_select(0, torch::tensor(places, torch::kInt64).to(x.device()));
  return x.slice(0, places.front(), places.back() + 1, step);
}

}  // namespace

TemporalBlockImpl::TemporalBlockImpl(const TemporalBlockOptions& options) : options_(options) {
  const std::int64_t d = options.width, k = options.kernel_size;
  const auto convolution = torch::nn::Conv1dOptions(d, d, k).dilation(options.dilation);
  filter_ = register_module("filter", torch::nn::Conv1d(convolution));
  gate_ = register_module("gate", torch::nn::Conv1d(convolution));
  if (!options.is_last) residual_ = register_module("residual", torch::nn::Linear(d, d));
  skip_ = register_module("skip", torch::nn::Linear(d, d));
}

std::vector<std::int64_t> TemporalBlockImpl::needed(const std::vector<std::int64_t>& want) const {
  std::set<std::int64_t> bins;
  for (const std::int64_t bin : want)
    for (std::int64_t k = 0; k < options_.kernel_size; ++k)
      if (bin - k * options_.dilation >= 0) bins.insert(bin - k * options_.dilation);
  return {bins.begin(), bins.end()};
}

torch::Tensor TemporalBlockImpl::convolve(const torch::Tensor& x,
                                          const std::vector<std::int64_t>& have,
                                          const std::vector<std::int64_t>& want) const {
  // filter and gate as one product per tap: [P', R, 2D]
  const torch::Tensor weight = torch::cat({filter_->weight, gate_->weight});
  const torch::Tensor bias = torch::cat({filter_->bias, gate_->bias});
  torch::Tensor y =
      at::linear(rows_at(x, have, want), weight.select(2, options_.kernel_size - 1), bias);
  for (std::int64_t k = 0; k + 1 < options_.kernel_size; ++k) {
    const std::int64_t shift = (options_.kernel_size - 1 - k) * options_.dilation;
    std::vector<std::int64_t> shifted;  // ascending, so the bins left of the window come first
    for (const std::int64_t bin : want)
      if (bin >= shift) shifted.push_back(bin - shift);
    if (shifted.empty()) continue;
    const torch::Tensor tap = at::linear(rows_at(x, have, shifted), weight.select(2, k));
    const auto missing = static_cast<std::int64_t>(want.size() - shifted.size());
    if (missing == 0) {
      y.add_(tap);
    } else {
      y.slice(0, missing).add_(tap);
    }
  }
  return y;
}

TemporalBlockImpl::Output TemporalBlockImpl::forward(const torch::Tensor& x,
                                                     const std::vector<std::int64_t>& have,
                                                     const std::vector<std::int64_t>& want,
                                                     const UnitSplit& split) {
  const auto gates = convolve(split.enter(x), have, want).chunk(2, -1);
  const torch::Tensor z = torch::tanh(gates[0]) * torch::sigmoid(gates[1]);
  Output out;
  out.skip = split.linear_of_parts(*skip_, z[-1]);
  if (residual_) out.x = rows_at(x, have, want) + split.linear_of_parts(*residual_, z);
  return out;
}

SplitPlan TemporalBlockImpl::split_plan() const {
  SplitPlan plan;
  for (const char* by_outputs : {"filter.weight", "filter.bias", "gate.weight", "gate.bias"})
    plan[by_outputs] = {};
  plan["skip.weight"] = {.dim = 1};
  if (residual_) plan["residual.weight"] = {.dim = 1};
  return plan;
}

}  // namespace precinct::models
