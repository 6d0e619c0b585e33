// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/shared_steps.h"

namespace precinct::test {

/// One network in one layout of ranks; the same rows are run over Gloo and over NCCL.
struct ParityRow {
  const char* model;
  int dp = 1, tp = 1, pp = 1;
  bool is_double = false;
  int ranks() const { return dp * tp * pp; }
  /// One rank that sends to itself by the backend, as more would.
  bool is_alone() const { return ranks() == 1; }
  std::string layout() const {
    std::string text;
    for (const auto& [name, size] : {std::pair{"dp", dp}, {"tp", tp}, {"pp", pp}})
      if (size > 1) text += fmt::format("{}{}{}", text.empty() ? "" : "_", name, size);
    return text.empty() ? "alone" : text;
  }
  std::string name() const {
    return fmt::format("{}_{}_{}", model, layout(), is_double ? "f64" : "f32");
  }
};

inline void PrintTo(const ParityRow& row, std::ostream* out) { *out << row.name(); }

inline std::vector<ParityRow> parity_rows() {
  std::vector<ParityRow> rows;
  for (const char* model : {"dnn", "crimenet", "gat_tcn"}) {
    for (const auto& one :
         {ParityRow{model, 1, 1}, ParityRow{model, 2, 1}, ParityRow{model, 3, 1},
          ParityRow{model, 4, 1}, ParityRow{model, 1, 2}, ParityRow{model, 2, 2},
          ParityRow{model, 1, 4}, ParityRow{model, 1, 1, 2}, ParityRow{model, 1, 1, 3},
          ParityRow{model, 2, 1, 2}, ParityRow{model, 1, 2, 2}}) {
      rows.push_back(one);
      rows.push_back(one);
      rows.back().is_double = true;
    }
  }
  return rows;
}

inline config::ExperimentConfig parity_config(const ParityRow& row, const std::string& device) {
  auto config = config_of_steps(row.model);
  config.run.device = device;
  config.parallel.bucket_mb = 0.001;  // several buckets
  config.model.num_heads = 4;
  return config;
}

/// The type of new tensors while this lives.
class DefaultType {
 public:
  explicit DefaultType(bool is_double) : before_(torch::get_default_dtype()) {
    torch::set_default_dtype(is_double ? caffe2::TypeMeta::Make<double>()
                                       : caffe2::TypeMeta::Make<float>());
  }
  ~DefaultType() { torch::set_default_dtype(before_); }
  DefaultType(const DefaultType&) = delete;
  DefaultType& operator=(const DefaultType&) = delete;

 private:
  const caffe2::TypeMeta before_;
};

/// Called by all ranks: 50 steps in the row's layout are those of one process without a backend,
/// within `tolerance`. Rank 0 prints the row with `backend`, what really carried the messages.
inline void expect_steps_of_one_process(parallel::World& world, const ParityRow& row,
                                        const std::string& backend, const std::string& device,
                                        double tolerance) {
  const DefaultType type(row.is_double);
  const auto panel = small_panel_with_gaps();
  auto config = parity_config(row, device);
  OneRank one(config);
  config.parallel.tp = row.tp;
  config.parallel.pp = row.pp;
  config.parallel.num_micro_batches = row.pp > 1 ? 3 : 1;
  config.parallel.schedule = row.dp > 1 ? "gpipe" : "1f1b";
  train::Ranks ranks(world, config);
  SharedSteps shared(config, panel, ranks);
  std::vector<double> losses;
  for (int step = 0; step < 50; ++step) losses.push_back(shared.step());
  const auto weights = shared.weights();
  if (!ranks.leads()) return;
  EXPECT_GT(ranks.dp().traffic().calls + ranks.mesh().axis("tp").traffic().calls +
                ranks.mesh().axis("pp").traffic().calls,
            50u);
  SharedSteps serial(config, panel, one.ranks);
  double loss = 0;
  for (const double found : losses) {
    const double expected = serial.step();
    loss = worse(loss, std::abs(found - expected) / std::abs(expected));
  }
  const double weight = relative_difference(weights, serial.weights());
  std::printf("row: %-8s %-7s %s %s, 50 steps: loss %.1e, weights %.1e (largest, <= %.0e)\n",
              row.model, row.layout().c_str(), row.is_double ? "f64" : "f32", backend.c_str(), loss,
              weight, tolerance);
  EXPECT_LE(loss, tolerance);
  EXPECT_LE(weight, tolerance);
}

}  // namespace precinct::test
