// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kernels/count_nll.h"
#include "models/forecast_model.h"

namespace precinct::models {
namespace {

torch::Tensor point_loss(const std::string& kind, const torch::Tensor& point,
                         const data::Batch& batch) {
  torch::Tensor target = batch.target, seen;
  if (batch.target_observed.defined()) {  // masked before and after: 0 times infinity is no number
    seen = batch.target_observed.unsqueeze(-1) > 0;
    target = torch::where(seen, target, torch::zeros({}, target.options()));
  }
  torch::Tensor loss;
  const auto reduction = torch::Reduction::None;
  if (kind == "mse") {
    loss = at::mse_loss(point, target, reduction);
  } else if (kind == "mae") {
    loss = at::l1_loss(point, target, reduction);
  } else {
    PRECINCT_CHECK(kind == "huber", ConfigError,
                   "head.point_loss: expected mse, mae or huber, found '{}'; choose one of them",
                   kind);
    loss = at::huber_loss(point, target, reduction, /*delta=*/1.0);
  }
  if (seen.defined()) loss = torch::where(seen, loss, torch::zeros({}, loss.options()));
  return loss.sum();
}

torch::Tensor head_loss(const std::string& name, const config::HeadConfig& head,
                        const HeadParams& params, const data::Batch& batch) {
  if (name == "point") return point_loss(head.point_loss, params.point, batch);
  std::optional<torch::Tensor> observed, dispersion;
  if (batch.target_observed.defined()) observed = batch.target_observed;
  if (name == "negative_binomial") dispersion = params.log_dispersion;
  return kernels::count_nll(params.log_mean, dispersion,
                            batch.target.to(params.log_mean.scalar_type()), observed);
}

}  // namespace

LossSum loss_sum(const config::HeadConfig& head, const HeadParams& params,
                 const data::Batch& batch) {
  PRECINCT_CHECK(
      batch.target.defined(), ShapeError,
      "batch.target: expected counts of the target bins, found nothing; a window beyond the "
      "panel has no loss");
  LossSum sum;
  sum.numerator = head_loss(head.name, head, params, batch);
  for (std::size_t i = 0; i < head.extra.size(); ++i) {
    const double weight = i < head.extra_weights.size() ? head.extra_weights[i] : 1.0;
    sum.numerator = sum.numerator + weight * head_loss(head.extra[i], head, params, batch);
  }
  const auto options = batch.target.options().dtype(torch::kFloat32);
  sum.denominator =
      batch.target_observed.defined()
          ? batch.target_observed.to(options).sum() * static_cast<double>(batch.target.size(-1))
          : torch::full({}, static_cast<double>(batch.target.numel()), options);
  return sum;
}

}  // namespace precinct::models
