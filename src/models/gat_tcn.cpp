// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.h"
#include "models/layers/attention_graph.h"
#include "models/layers/graph_attention.h"
#include "models/layers/temporal_block.h"
#include "models/network.h"

namespace precinct::models {
namespace {

constexpr std::int64_t kDefaultHidden = 32;

std::int64_t width_of(const config::ModelConfig& model) {
  const std::int64_t width = model.hidden > 0 ? model.hidden : kDefaultHidden;
  PRECINCT_CHECK(model.num_heads > 0 && width % model.num_heads == 0, ConfigError,
                 "model.hidden: expected a multiple of model.num_heads, found {} with {} heads; "
                 "choose e.g. {}",
                 width, model.num_heads,
                 model.num_heads *
                     std::max<std::int64_t>(1, width / std::max<std::int64_t>(1, model.num_heads)));
  return width;
}

/// Graph attention in space, gated dilated causal convolution in time:
///
///   for every bin:  x <- x + ELU(GraphAttention(x))      num_gat_layers times, dropout keyed per
///   layer over the bins:  num_blocks blocks, dilation 1, 2, 4, ...; state = Linear(ReLU(sum of
///   their skips))
///
/// Only the last bin's output is used, so each block computes only the bins that the blocks above
/// it look at: 1, 2, 4, ... of them from the top down. Stages carry {x} up to the convolutions,
/// then {x, skip sum}.
class GatTcn : public Network {
 public:
  GatTcn(const config::ExperimentConfig& config, const ModelContext& context)
      : Network("gat_tcn", config, context, width_of(config.model)),
        num_heads_(config.model.num_heads) {
    add_attention(config.model, context);
    add_blocks(config.model, context);
    output_ = register_module("output",
                              torch::nn::Linear(width_of(config.model), config.model.head_width));
  }

  std::vector<Stage> stages() override {
    std::vector<Stage> stages;
    stages.push_back({"input",
                      [this](TensorList, const data::Batch& batch) {
                        return TensorList{input_->forward(batch)};
                      },
                      {"input."}});
    for (std::size_t i = 0; i < gat_->size(); ++i) {
      const std::string name = fmt::format("gat.{}", i);
      stages.push_back({name,
                        [this, i](TensorList carried, const data::Batch& batch) {
                          return TensorList{attend(i, carried[0], batch)};
                        },
                        {name + "."}});
    }
    for (std::size_t i = 0; i < tcn_->size(); ++i) {
      const std::string name = fmt::format("tcn.{}", i);
      stages.push_back({name,
                        [this, i](TensorList carried, const data::Batch&) {
                          return convolve(i, std::move(carried));
                        },
                        {name + "."}});
    }
    stages.push_back(
        {"output",
         [this](TensorList carried, const data::Batch& batch) {
           const torch::Tensor state = output_(torch::relu(carried[0]));
           return TensorList{state.view({batch.num_windows(), 1, context_.num_nodes, -1})};
         },
         {"output."}});
    return stages;
  }

  SplitPlan split_plan(std::int64_t count) const override {
    require_multiple("model.num_heads", num_heads_, count,
                     " and a multiple of it as model.hidden, or another parallel.tp");
    require_multiple("model.hidden", input_->width(), count);
    SplitPlan plan;
    for (std::size_t i = 0; i < gat_->size(); ++i)
      plan.merge(
          with_prefix(fmt::format("gat.{}.", i), gat_->ptr<GraphAttentionImpl>(i)->split_plan()));
    for (std::size_t i = 0; i < tcn_->size(); ++i)
      plan.merge(
          with_prefix(fmt::format("tcn.{}.", i), tcn_->ptr<TemporalBlockImpl>(i)->split_plan()));
    return plan;
  }

 private:
  void add_attention(const config::ModelConfig& model, const ModelContext& context) {
    PRECINCT_CHECK(model.attention == "gatv1" || model.attention == "gatv2", ConfigError,
                   "model.attention: expected gatv1 or gatv2, found '{}'; choose one of them",
                   model.attention);
    const std::int64_t width = width_of(model);
    const AttentionGraph graph =
        AttentionGraph::build(context.edge_index, context.edge_weight, context.num_nodes);
    for (std::int64_t i = 0; i < model.num_gat_layers; ++i)
      gat_->push_back(
          GraphAttention(GraphAttentionOptions{width, model.num_heads, width / model.num_heads,
                                               model.attention == "gatv2"},
                         graph));
    register_module("gat", gat_);
  }

  void add_blocks(const config::ModelConfig& model, const ModelContext& context) {
    PRECINCT_CHECK(model.kernel_size >= 2, ConfigError,
                   "model.kernel_size: expected at least 2, found {}; choose 2", model.kernel_size);
    const std::int64_t fewest = config::blocks_to_cover(context.lookback, model.kernel_size);
    const std::int64_t num_blocks = model.num_blocks > 0 ? model.num_blocks : fewest;
    const std::int64_t field = config::receptive_field(num_blocks, model.kernel_size);
    PRECINCT_CHECK(field >= context.lookback, ConfigError,
                   "model.num_blocks: expected a receptive field of at least the lookback of {} "
                   "bins, found {} "
                   "from {} blocks of kernel {}; set num_blocks to {} or more",
                   context.lookback, field, num_blocks, model.kernel_size, fewest);
    for (std::int64_t i = 0; i < num_blocks; ++i)
      tcn_->push_back(TemporalBlock(TemporalBlockOptions{
          width_of(model), model.kernel_size, std::int64_t{1} << i, i + 1 == num_blocks}));
    register_module("tcn", tcn_);
    // from the top down: which bins each block must put out, and which it finds at its input
    wanted_.assign(static_cast<std::size_t>(num_blocks), {context.lookback - 1});
    for (std::size_t i = tcn_->size() - 1; i > 0; --i)
      wanted_[i - 1] = tcn_->ptr<TemporalBlockImpl>(i)->needed(wanted_[i]);
    for (std::int64_t t = 0; t < context.lookback; ++t) all_bins_.push_back(t);
  }

  // [T, B, N, D] -> [T, B, N, D]
  torch::Tensor attend(std::size_t index, const torch::Tensor& x, const data::Batch& batch) {
    auto& attention = *gat_->ptr<GraphAttentionImpl>(index);
    const torch::Tensor y = torch::elu(attention.forward(x.flatten(0, 1), *split_));
    const torch::Tensor kept = dropout(y.view({x.size(0), x.size(1), x.size(2), y.size(-1)}), batch,
                                       fmt::format("gat.{}", index), /*is_part=*/true);
    return x + split_->gather(kept);
  }

  // {x [T, B, N, D]} or {x [P, B N, D], skip sum [B N, D]} -> {x, skip sum}; after the last block
  // {skip sum}
  TensorList convolve(std::size_t index, TensorList carried) {
    auto& block = *tcn_->ptr<TemporalBlockImpl>(index);
    const bool is_first = index == 0;
    const torch::Tensor x = is_first ? carried[0].flatten(1, 2) : carried[0];
    const auto out =
        block.forward(x, is_first ? all_bins_ : wanted_[index - 1], wanted_[index], *split_);
    const torch::Tensor skip = is_first ? out.skip : carried[1] + out.skip;
    return out.x.defined() ? TensorList{out.x, skip} : TensorList{skip};
  }

  const std::int64_t num_heads_;
  torch::nn::ModuleList gat_, tcn_;
  torch::nn::Linear output_{nullptr};
  std::vector<std::vector<std::int64_t>> wanted_;  // per block: bins of its output
  std::vector<std::int64_t> all_bins_;
};

}  // namespace

std::shared_ptr<ForecastModel> make_gat_tcn(const config::ExperimentConfig& config,
                                            const ModelContext& context) {
  return std::make_shared<GatTcn>(config, context);
}

}  // namespace precinct::models
