// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "models/network.h"

namespace precinct::models {
namespace {

constexpr std::int64_t kDefaultLayers = 3;
constexpr std::int64_t kDefaultHidden = 128;

std::int64_t or_default(std::int64_t value, std::int64_t fallback) {
  return value > 0 ? value : fallback;
}

/// The paper's deep network, per node: flattened encoded lookback (T x D) -> num_layers x (Linear,
/// ReLU, dropout) -> Linear to H x D_head.
///
/// Encoder and first layer are both linear, so the encoded lookback is never formed: with W [M, T,
/// D],
///   W flat(x[b,n]) = (W W_c) cells[b,n] + W per_bin[b] + (sum_t W_t) per_node[n].
class Dnn : public Network {
 public:
  Dnn(const config::ExperimentConfig& config, const ModelContext& context)
      : Network("dnn", config, context, or_default(config.model.hidden, kDefaultHidden)),
        hidden_(or_default(config.model.hidden, kDefaultHidden)),
        head_width_(config.model.head_width) {
    const std::int64_t num_layers = or_default(config.model.num_layers, kDefaultLayers);
    for (std::int64_t i = 0; i < num_layers; ++i)
      layers_->push_back(torch::nn::Linear(i == 0 ? context.lookback * hidden_ : hidden_, hidden_));
    register_module("layers", layers_);
    output_ = register_module("output", torch::nn::Linear(hidden_, context.horizon * head_width_));
  }

  std::vector<Stage> stages() override {
    std::vector<Stage> stages;
    stages.push_back({"layers.0",
                      [this](TensorList, const data::Batch& batch) {
                        return TensorList{activate(first_layer(batch), batch, 0)};
                      },
                      {"input.", "layers.0."}});
    for (std::size_t i = 1; i < layers_->size(); ++i) {
      const std::string name = fmt::format("layers.{}", i);
      stages.push_back({name,
                        [this, i](TensorList carried, const data::Batch& batch) {
                          return TensorList{activate(hidden_layer(carried[0], i), batch, i)};
                        },
                        {name + "."}});
    }
    stages.push_back(
        {"output",
         [this](TensorList carried, const data::Batch&) { return TensorList{states(carried[0])}; },
         {"output."}});
    return stages;
  }

  SplitPlan split_plan(std::int64_t count) const override {
    require_multiple("model.hidden", hidden_, count);
    SplitPlan plan;
    for (std::size_t i = 0; i < layers_->size(); ++i) {
      const std::string name = fmt::format("layers.{}.", i);
      if (is_split(i)) {
        plan[name + "weight"] = plan[name + "bias"] = {};
      } else {
        plan[name + "weight"] = {.dim = 1};
      }
    }
    if (is_split(layers_->size() - 1)) plan["output.weight"] = {.dim = 1};
    return plan;
  }

 private:
  /// In parts, every second layer has its outputs split, the one behind it its inputs.
  static bool is_split(std::size_t layer) { return layer % 2 == 0; }

  // [B, N, M]
  torch::Tensor first_layer(const data::Batch& batch) {
    const InputEncoderImpl::Pieces p = input_->pieces(batch);
    const std::int64_t num_windows = p.cells.size(0), lookback = context_.lookback;
    auto& linear = *layers_->ptr<torch::nn::LinearImpl>(0);
    const std::int64_t units = linear.weight.size(0);
    const torch::Tensor weight = linear.weight.view({units * lookback, hidden_});
    const torch::Tensor folded =
        weight.mm(split_->enter(p.cell_weight)).view({units, -1});  // [M, T C']
    const torch::Tensor cells =
        p.cells.permute({0, 2, 1, 3}).reshape({num_windows, context_.num_nodes, -1});
    const torch::Tensor bins =
        at::linear(split_->enter(p.per_bin.reshape({num_windows, -1})), linear.weight, linear.bias);
    const torch::Tensor nodes = at::linear(split_->enter(p.per_node),
                                           linear.weight.view({units, lookback, hidden_}).sum(1));
    return at::linear(cells, folded).add_(bins.unsqueeze(1)).add_(nodes);
  }

  torch::Tensor hidden_layer(const torch::Tensor& x, std::size_t layer) {
    auto& linear = *layers_->ptr<torch::nn::LinearImpl>(layer);
    return is_split(layer) ? linear.forward(split_->enter(x)) : split_->linear_of_parts(linear, x);
  }

  torch::Tensor activate(const torch::Tensor& x, const data::Batch& batch, std::size_t layer) {
    return dropout(torch::relu(x).unsqueeze(0), batch, fmt::format("layers.{}", layer),
                   is_split(layer))
        .squeeze(0);
  }

  // [B, N, M] -> [B, H, N, D_head]
  torch::Tensor states(const torch::Tensor& x) {
    const torch::Tensor y =
        is_split(layers_->size() - 1) ? split_->linear_of_parts(*output_, x) : output_(x);
    return y.view({x.size(0), x.size(1), context_.horizon, head_width_}).transpose(1, 2);
  }

  const std::int64_t hidden_, head_width_;
  torch::nn::ModuleList layers_;
  torch::nn::Linear output_{nullptr};
};

}  // namespace

std::shared_ptr<ForecastModel> make_dnn(const config::ExperimentConfig& config,
                                        const ModelContext& context) {
  return std::make_shared<Dnn>(config, context);
}

}  // namespace precinct::models
