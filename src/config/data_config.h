// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace precinct::config {

/// How the panel is cut into train, validation and test. Either fractions or explicit bins.
struct SplitConfig {
  std::vector<double> fractions = {0.7, 0.1, 0.2};  // 3 or 4 parts (the last plays production)
  std::vector<std::int64_t> train_bins;             // [begin, end); set all three or none
  std::vector<std::int64_t> validation_bins;
  std::vector<std::int64_t> test_bins;
  std::int64_t gap = 0;  // bins left out between parts
};

/// `data:`, what is fed.
struct DataConfig {
  std::string panel;           // path of panel.h5
  std::int64_t lookback = 28;  // T, bins in
  std::int64_t horizon = 7;    // H, bins out
  std::int64_t stride = 1;     // bins between training windows
  SplitConfig split;
  std::string scaling = "standard";  // standard|minmax|none, of log1p counts
  std::string graph = "adjacency";   // adjacency|knn|distance|co_occurrence|correlation
  std::string mode = "auto";         // auto|resident_device|resident_host|stream
  std::int64_t loader_threads = 1;
  std::int64_t prefetch = 2;  // batches
  bool verify = true;         // sha256 of the panel is checked when it is opened
};

/// `input:`, the encoder in front of every network.
struct InputConfig {
  std::int64_t node_embedding = 16;
  std::int64_t hour_embedding = 8;
  std::int64_t weekday_embedding = 8;
  std::vector<double> ewma_half_lives = {7, 28, 120, 365};  // days
  std::string calendar = "cyclic";                          // cyclic|integer|one_hot
  std::string holidays = "us_federal";                      // us_federal|none
  std::vector<std::string> calendar_features;               // groups; empty: all that fit the bins
};

}  // namespace precinct::config
