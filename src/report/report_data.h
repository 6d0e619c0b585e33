// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace precinct::report {

/// Label and text, for a definition list.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// What one model says. C+1: the categories, then all of them together. Ranges of sums take
/// districts, categories and bins as independent (a negative binomial with the sum's mean and
/// variance).
struct ModelSeries {
  std::string name;
  bool has_band = true;                  // false: a point forecast, every range below is empty
  std::vector<float> mean;               // [H, N, C] the coming bins
  std::vector<float> low, high;          // [H, N, C+1] 5 % and 95 % quantile
  std::vector<float> sum_low, sum_high;  // [N+1, C+1] of all coming bins; the last district is all
  // The test range, one step ahead, summed over districts.
  std::vector<double> test_mean;                   // [bins, C]
  std::vector<double> test_low, test_high;         // [bins, C+1]
  nlohmann::json curve = nlohmann::json::array();  // [{epoch, train_loss?, val_nll?}] of phase fit
};

/// Everything that the page shows; filled by the command, so that the page can be tested alone.
struct ReportData {
  std::string title;
  std::string lead;        // what is forecast
  std::string verdict;     // whether it beats the baseline
  bool is_better = false;  // of the verdict
  std::string weights;     // which weights forecast the coming bins
  std::string generated;   // date and command
  std::vector<std::string> districts, district_names, categories;
  std::vector<std::vector<std::vector<std::pair<double, double>>>>
      outlines;                          // [N][part] of (longitude, latitude); empty: no map
  std::string bin_word = "day";          // what a bin is called
  std::string block_word = "7 days";     // what a horizon of bins is called
  std::string block_label;               // the coming bins together
  std::vector<std::string> coming_bins;  // [H] labels
  std::vector<std::string> past_blocks;  // [K] labels of the last blocks of H bins, oldest first
  std::vector<double> past;            // [K, N, C] recorded; not a number when nothing was observed
  std::vector<ModelSeries> models;     // the reference baseline last
  std::string shown_first;             // name of the model that is chosen when the page opens
  std::vector<std::string> test_bins;  // labels
  std::vector<double> test_actual;     // [bins, C]; not a number when nothing was observed
  nlohmann::json evaluation;           // evaluation.json
  nlohmann::json quality;              // of the ingest, or null
  Facts panel_facts, provenance;
};

}  // namespace precinct::report
