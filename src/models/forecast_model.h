// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "data/loader/batch.h"
#include "models/unit_split.h"

namespace precinct::models {

/// Sizes and constants that a network is built from; fixed by panel, features and configuration.
struct ModelContext {
  std::int64_t num_nodes = 0;            // N
  std::int64_t num_categories = 0;       // C
  std::int64_t lookback = 0;             // T
  std::int64_t horizon = 0;              // H
  std::int64_t num_calendar = 0;         // Fg
  std::int64_t num_origin_features = 0;  // Fo
  std::int64_t num_day_slots = 1;
  bool has_mask = false;      // Batch::observed is there
  bool has_anchor = true;     // Batch::log_anchor is there
  torch::Tensor statics;      // [N, Fs] f32 scaled static node features
  torch::Tensor edge_index;   // [2, E] i64 (source j, target i), both ways, no self loops
  torch::Tensor edge_weight;  // [E] f32, 1 when unweighted
  torch::Tensor log_alpha0;   // [C] f32: log dispersion of the anchor (or of the historical mean)
  torch::Tensor log_mean0;    // [N, C] f32: log historical mean, the start without anchor
};

/// What a network returns; which members are defined depends on the heads.
struct HeadParams {
  torch::Tensor log_mean;        // [B, H, N, C]
  torch::Tensor log_dispersion;  // [B, H, N, C], negative_binomial only
  torch::Tensor point;           // [B, H, N, C], point head only (counts, not logs)
};

using TensorList = std::vector<torch::Tensor>;

/// One part of a network for pipelining: several tensors may cross a border. The first stage gets
/// an empty list; the last returns the head's state.
struct Stage {
  std::string name;  // module prefix whose parameters it owns, e.g. "gat.0"
  std::function<TensorList(TensorList carried, const data::Batch& batch)> forward;
  std::vector<std::string> parameter_prefixes;
};

/// Per-forward settings: training mode comes from Module::is_training().
struct DropoutKey {
  std::uint64_t seed = 0;  // stream of the run
};

/// A network: input encoder, body and heads. Parameter names are PyTorch's.
class ForecastModel : public torch::nn::Module {
 public:
  using torch::nn::Module::Module;
  /// Head parameters of a batch. Equal to running stages() one after the other.
  virtual HeadParams forward(const data::Batch& batch) = 0;
  /// The same network as a list of stages (numerics: models are a list of stages).
  virtual std::vector<Stage> stages() = 0;
  /// Turns what the last stage returned into head parameters.
  virtual HeadParams head(const TensorList& carried, const data::Batch& batch) = 0;
  void set_dropout_seed(std::uint64_t seed) { dropout_key_.seed = seed; }

  /// How the parameters are cut when hidden units are computed in `count` parts. Throws ConfigError
  /// that names parallel.tp and the key of what cannot be cut so; a network without a plan of its
  /// own cannot be cut at all.
  virtual SplitPlan split_plan(std::int64_t count) const;
  /// From here on the network computes one part of the units, with parameters that were cut by
  /// split_plan().
  void set_split(std::shared_ptr<const UnitSplit> split) { split_ = std::move(split); }

 protected:
  DropoutKey dropout_key_;
  std::shared_ptr<const UnitSplit> split_ = std::make_shared<const UnitSplit>();
};

/// Draws every parameter from the stream (seed, "init/" + name): no layout or order changes it.
/// Modules say what their parameters start from (initialize.h): torch's defaults, zero for last
/// layers.
void initialize_by_name(torch::nn::Module& model, std::uint64_t seed);

/// Builds the named network; throws ConfigError with the known names.
std::shared_ptr<ForecastModel> build_model(const config::ExperimentConfig& config,
                                           const ModelContext& context);
/// Known networks, sorted.
std::vector<std::string> model_names();

/// Loss numerator (sum over observed cells) and denominator (number of observed cells) of the
/// configured heads, kept apart so that shards of a global batch add up.
struct LossSum {
  torch::Tensor numerator;    // scalar, differentiable
  torch::Tensor denominator;  // scalar f32
};
LossSum loss_sum(const config::HeadConfig& head, const HeadParams& params,
                 const data::Batch& batch);

}  // namespace precinct::models
