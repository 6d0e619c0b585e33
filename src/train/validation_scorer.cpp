// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/validation_scorer.h"

#include <algorithm>

#include "metrics/evaluation.h"

namespace precinct::train {
namespace {

constexpr std::int64_t kChunk = 32;  // windows per forward call without gradients

config::HeadConfig without_extra(config::HeadConfig head) {
  head.extra.clear();
  head.extra_weights.clear();
  head.point_loss = "mse";
  return head;
}

}  // namespace

ValidationScorer::ValidationScorer(const config::ExperimentConfig& config,
                                   const data::ResidentSeries& series, const data::BinRange& range,
                                   Ranks& ranks)
    : head_(config.head),
      plain_head_(without_extra(config.head)),
      series_(series),
      range_(range),
      origins_(metrics::evaluation_origins(range, config.data.horizon, 1, config.data.lookback)),
      chunk_(config.train.micro_batch_size > 0 ? std::max(kChunk, config.train.micro_batch_size)
                                               : kChunk),
      ranks_(ranks) {}

torch::Tensor ValidationScorer::mask(const data::Batch& batch) const {
  const std::int64_t horizon = batch.target.size(1), nodes = batch.target.size(2);
  const torch::Tensor bins =
      batch.origin.unsqueeze(1) + torch::arange(horizon, batch.origin.options());
  const torch::Tensor inside =
      torch::logical_and(bins >= range_.begin, bins < range_.end).to(torch::kFloat32).unsqueeze(-1);
  return batch.target_observed.defined()
             ? batch.target_observed * inside
             : inside.expand({batch.target.size(0), horizon, nodes}).contiguous();
}

/// [3] f64 of the windows from `begin` on: loss, plain loss, observed cells.
torch::Tensor ValidationScorer::sums_of_chunk(Learner& learner, std::size_t begin) const {
  std::vector<data::WindowRef> windows;
  for (std::size_t i = begin;
       i < std::min(origins_.size(), begin + static_cast<std::size_t>(chunk_)); ++i)
    windows.push_back({origins_[i], 0});
  data::Batch batch = series_.gather(windows);
  batch.target_observed = mask(batch);
  const auto params = learner.forward(batch);
  if (!params) return torch::zeros({3}, series_.device()).to(torch::kFloat64);
  const auto loss = models::loss_sum(head_, *params, batch),
             plain = models::loss_sum(plain_head_, *params, batch);
  return torch::stack({loss.numerator, plain.numerator, loss.denominator.to(loss.numerator)})
      .to(torch::kFloat64);
}

std::map<std::string, double> ValidationScorer::score(Learner& learner) const {
  const torch::NoGradGuard no_grad;
  models::ForecastModel& model = learner.model();
  const bool was_training = model.is_training();
  model.eval();
  const std::int64_t chunks = (static_cast<std::int64_t>(origins_.size()) + chunk_ - 1) / chunk_;
  torch::Tensor sums = torch::zeros(
      {chunks, 3}, torch::TensorOptions().dtype(torch::kFloat64).device(series_.device()));
  auto& dp = ranks_.dp();
  for (std::int64_t c = dp.rank() * chunks / dp.size(); c < (dp.rank() + 1) * chunks / dp.size();
       ++c)
    sums[c] = sums_of_chunk(learner, static_cast<std::size_t>(c * chunk_));
  model.train(was_training);
  // each row comes from one rank: nothing is rounded
  ranks_.mesh().axis("pp").all_reduce(sums).wait();
  dp.all_reduce(sums).wait();
  const torch::Tensor host = sums.to(torch::kCPU);
  double loss = 0;
  double plain = 0;
  double cells = 0;
  for (std::int64_t c = 0; c < chunks; ++c) {
    const auto* row = host[c].const_data_ptr<double>();
    loss += row[0];
    plain += row[1];
    cells += row[2];
  }
  cells = std::max(cells, 1.0);
  return {{"val/loss", loss / cells},
          {"val/NLL", plain / cells * (plain_head_.name == "point" ? 0.5 : 1.0)}};
}

}  // namespace precinct::train
