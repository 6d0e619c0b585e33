// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "models/layers/keyed_lstm.h"
#include "models/network.h"

namespace precinct::models {
namespace {

constexpr std::int64_t kDefaultLayers = 2;
constexpr std::int64_t kDefaultHidden = 128;

std::int64_t or_default(std::int64_t value, std::int64_t fallback) {
  return value > 0 ? value : fallback;
}

/// CrimeNet: an LSTM over the lookback of each node, weights shared over nodes, rows = windows x
/// nodes; keyed dropout between its layers; last hidden state -> Linear to D_head. The head adds
/// what belongs to the target bin.
class CrimeNet : public Network {
 public:
  CrimeNet(const config::ExperimentConfig& config, const ModelContext& context)
      : Network("crimenet", config, context, or_default(config.model.hidden, kDefaultHidden)) {
    const std::int64_t hidden = or_default(config.model.hidden, kDefaultHidden);
    lstm_ = register_module(
        "lstm", KeyedLstm(hidden, hidden, or_default(config.model.num_layers, kDefaultLayers)));
    output_ = register_module("output", torch::nn::Linear(hidden, config.model.head_width));
  }

  std::vector<Stage> stages() override {
    std::vector<Stage> stages;
    stages.push_back({"input",
                      [this](TensorList, const data::Batch& batch) {
                        return TensorList{input_->forward(batch).flatten(1, 2)};
                      },
                      {"input."}});
    for (std::int64_t i = 0; i < lstm_->num_layers(); ++i) {
      const std::string name = fmt::format("lstm.l{}", i);
      std::vector<std::string> parameters;
      for (const std::string& parameter : KeyedLstmImpl::parameter_names(i))
        parameters.push_back("lstm." + parameter);
      stages.push_back({name,
                        [this, i](TensorList carried, const data::Batch& batch) {
                          return TensorList{layer(i, carried[0], batch)};
                        },
                        parameters});
    }
    stages.push_back(
        {"output",
         [this](TensorList carried, const data::Batch& batch) {
           const torch::Tensor last = carried[0][-1];  // [B N, D]
           return TensorList{output_(last).view({batch.num_windows(), 1, context_.num_nodes, -1})};
         },
         {"output."}});
    return stages;
  }

  SplitPlan split_plan(std::int64_t count) const override {
    require_multiple("model.hidden", input_->width(), count);
    return with_prefix("lstm.", lstm_->split_plan());
  }

 private:
  // [T, B N, D] -> [T, B N, D]
  torch::Tensor layer(std::int64_t index, const torch::Tensor& x, const data::Batch& batch) {
    torch::Tensor h = lstm_->layer(index, x, *split_);
    if (index + 1 == lstm_->num_layers()) return h;
    const std::string name = fmt::format("lstm.l{}", index);
    return dropout(h.view({h.size(0), batch.num_windows(), context_.num_nodes, -1}), batch, name)
        .flatten(1, 2);
  }

  KeyedLstm lstm_{nullptr};
  torch::nn::Linear output_{nullptr};
};

}  // namespace

std::shared_ptr<ForecastModel> make_crimenet(const config::ExperimentConfig& config,
                                             const ModelContext& context) {
  return std::make_shared<CrimeNet>(config, context);
}

}  // namespace precinct::models
