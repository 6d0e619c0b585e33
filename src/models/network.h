// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/forecast_model.h"
#include "models/heads/common_end.h"
#include "models/input_encoder.h"

namespace precinct::models {

/// What the networks share: the input encoder in front (module `input`), the common end behind
/// (module `head`), and a forward pass that is the list of stages, run one after the other.
/// A network registers its own modules and returns its stages; the last one returns {state}, state
/// [B, 1, N, D_head] or [B, H, N, D_head].
class Network : public ForecastModel {
 public:
  Network(const std::string& name, const config::ExperimentConfig& config,
          const ModelContext& context, std::int64_t encoder_width);
  HeadParams forward(const data::Batch& batch) final;
  HeadParams head(const TensorList& carried, const data::Batch& batch) final;
  /// Where the state of the window ends; for tests of single parts.
  InputEncoder encoder() const { return input_; }

 protected:
  /// Key of the dropout of `layer`, mixed from the run's seed.
  std::uint64_t dropout_layer_key(const std::string& layer) const;
  /// Keyed dropout of x in [T, B, N, D] (or [1, B, N, D]); x itself when evaluating or without
  /// dropout. `is_part`: x holds this part's units alone.
  torch::Tensor dropout(const torch::Tensor& x_tbnd, const data::Batch& batch,
                        const std::string& layer, bool is_part = false) const;

  /// For split_plan(): refuses a number of units that `count` does not divide, by its key.
  static void require_multiple(const std::string& key, std::int64_t units, std::int64_t count,
                               const std::string& remedy_too = "");
  /// The plan of a module under the network's names.
  static SplitPlan with_prefix(const std::string& prefix, const SplitPlan& plan);

  const ModelContext context_;
  const double dropout_;
  InputEncoder input_{nullptr};
  CommonEnd head_{nullptr};

 private:
  void check_batch(const data::Batch& batch) const;
};

/// Factories, one per network; the list is in registry.cpp.
using NetworkFactory = std::shared_ptr<ForecastModel> (*)(const config::ExperimentConfig&,
                                                          const ModelContext&);

}  // namespace precinct::models
