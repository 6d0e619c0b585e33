// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "config/train_config.h"
#include "models/safetensors.h"

namespace precinct::train {

/// Updates parameters from their gradients; keeps its moments in tensors of its own, named after
/// the parameters, so that they go into a checkpoint as they are. Nothing here waits for the
/// device.
class Optimizer {
 public:
  /// Parameters (leaves, one device, one type) with their names, in a fixed order. The learning
  /// rate of the linear part (models::is_linear_part) is `linear_lr_factor` times that of the rest.
  explicit Optimizer(models::NamedTensors parameters, double linear_lr_factor = 1.0);
  virtual ~Optimizer() = default;
  /// One update with learning rate `lr`. `found_inf`: f32 scalar on the parameters' device; 1
  /// leaves parameters, moments and step counter as they are. A parameter without gradient is
  /// treated as gradient 0.
  virtual void step(double lr, const torch::Tensor& found_inf) = 0;
  /// Moments and step counter: exp_avg.<name>, exp_avg_sq.<name>, step | momentum.<name>.
  virtual models::NamedTensors state() const = 0;
  /// Sets every gradient to nothing.
  void zero_grad();
  const models::NamedTensors& parameters() const { return parameters_; }

 protected:
  /// Gradients in the order of parameters().
  std::vector<torch::Tensor> gradients() const;
  std::vector<torch::Tensor> tensors() const;
  models::NamedTensors parameters_;
  /// Parameters that share a learning rate: indices, and the rate's factor.
  struct Group {
    double lr_factor;
    std::vector<std::size_t> members;
  };
  std::vector<Group> groups_;
};

/// AdamW (Loshchilov and Hutter 2019) through ATen's fused kernel:
///   m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  w <- w (1 - lr wd) - lr m^ / (sqrt(v^) +
///   eps)
class AdamW final : public Optimizer {
 public:
  AdamW(models::NamedTensors parameters, const config::OptimizerConfig& config);
  void step(double lr, const torch::Tensor& found_inf) override;
  models::NamedTensors state() const override;

 private:
  config::OptimizerConfig config_;
  std::vector<torch::Tensor> exp_avg_, exp_avg_sq_;
  torch::Tensor step_;  // f32 scalar
};

/// Stochastic gradient descent with momentum: b <- momentum b + (g + wd w);  w <- w - lr b.
class Sgd final : public Optimizer {
 public:
  Sgd(models::NamedTensors parameters, const config::OptimizerConfig& config);
  void step(double lr, const torch::Tensor& found_inf) override;
  models::NamedTensors state() const override;

 private:
  config::OptimizerConfig config_;
  std::vector<torch::Tensor> momentum_;
};

/// The configured optimiser over the trainable parameters of a module; throws ConfigError with the
/// known names.
std::unique_ptr<Optimizer> make_optimizer(const torch::nn::Module& model,
                                          const config::OptimizerConfig& config);

}  // namespace precinct::train
