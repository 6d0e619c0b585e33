// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "metrics/accumulator.h"

#include <cmath>

namespace precinct::metrics {

void Accumulator::add(double mean, std::uint32_t y, const CellScores& s) {
  const double count = y, error = mean - count;
  if (cells_ > 0) {
    const double apart = count - y_ / cells_;
    spread_ += apart * apart * cells_ / (cells_ + 1);
  }
  cells_ += 1;
  absolute_ += std::abs(error);
  squared_ += error * error;
  error_ += error;
  y_ += count;
  if (y > 0) {
    positive_ += 1;
    relative_ += std::abs(error) / count;
  }
  nll_ += s.nll;
  crps_ += s.crps;
  deviance_ += s.deviance;
  pit_inside_50_ += s.pit_inside_50;
  pit_inside_90_ += s.pit_inside_90;
  covered_50_ += s.covered_50;
  covered_90_ += s.covered_90;
  width_50_ += s.width_50;
  width_90_ += s.width_90;
  pinball_05_ += s.pinball_05;
  pinball_50_ += s.pinball_50;
  pinball_95_ += s.pinball_95;
  for (int b = 0; b < kPitBins; ++b)
    pit_[static_cast<std::size_t>(b)] += s.pit[static_cast<std::size_t>(b)];
}

void Accumulator::merge(const Accumulator& o) {
  if (cells_ > 0 && o.cells_ > 0) {
    const double apart = o.y_ / o.cells_ - y_ / cells_;
    spread_ += apart * apart * cells_ * o.cells_ / (cells_ + o.cells_);
  }
  spread_ += o.spread_;
  cells_ += o.cells_;
  absolute_ += o.absolute_;
  squared_ += o.squared_;
  error_ += o.error_;
  y_ += o.y_;
  positive_ += o.positive_;
  relative_ += o.relative_;
  nll_ += o.nll_;
  crps_ += o.crps_;
  deviance_ += o.deviance_;
  pit_inside_50_ += o.pit_inside_50_;
  pit_inside_90_ += o.pit_inside_90_;
  covered_50_ += o.covered_50_;
  covered_90_ += o.covered_90_;
  width_50_ += o.width_50_;
  width_90_ += o.width_90_;
  pinball_05_ += o.pinball_05_;
  pinball_50_ += o.pinball_50_;
  pinball_95_ += o.pinball_95_;
  for (int b = 0; b < kPitBins; ++b)
    pit_[static_cast<std::size_t>(b)] += o.pit_[static_cast<std::size_t>(b)];
}

std::map<std::string, double> Accumulator::figures(bool with_distribution, double scale) const {
  std::map<std::string, double> f;
  if (cells_ == 0) return f;
  f["MAE"] = absolute_ / cells_;
  f["RMSE"] = std::sqrt(squared_ / cells_);
  f["bias"] = error_ / cells_;
  if (y_ > 0) f["WAPE"] = absolute_ / y_;
  if (spread_ > 0) f["R2"] = 1 - squared_ / spread_;
  if (scale > 0) f["MASE"] = absolute_ / cells_ / scale;
  if (positive_ > 0) f["MAPE_positive"] = relative_ / positive_;
  f["poisson_deviance"] = deviance_ / cells_;
  if (!with_distribution) return f;
  f["NLL"] = nll_ / cells_;
  f["CRPS"] = crps_ / cells_;
  f["PIT_coverage_50"] = pit_inside_50_ / cells_;
  f["PIT_coverage_90"] = pit_inside_90_ / cells_;
  f["coverage_50"] = covered_50_ / cells_;
  f["coverage_90"] = covered_90_ / cells_;
  f["width_50"] = width_50_ / cells_;
  f["width_90"] = width_90_ / cells_;
  f["pinball_05"] = pinball_05_ / cells_;
  f["pinball_50"] = pinball_50_ / cells_;
  f["pinball_95"] = pinball_95_ / cells_;
  return f;
}

std::array<double, kPitBins> Accumulator::pit_histogram() const {
  auto shares = pit_;
  for (double& s : shares) s = cells_ > 0 ? s / cells_ : 0;
  return shares;
}

}  // namespace precinct::metrics
