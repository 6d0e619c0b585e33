// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace precinct::report {

/// A rate per district and category [N, C] over a time, for one layer of the map.
using Layer = std::vector<float>;

/// What one model says.
struct ModelSeries {
  std::string name;
  std::vector<float> mean, low, high;  // [H, N, C] the coming bins: mean, 5 % and 95 % quantile
  // The test range, one step ahead, summed over districts: [bins, C]; the band is that of a
  // negative binomial with the sum's mean and variance (districts taken as independent).
  std::vector<double> test_mean, test_low, test_high;
  nlohmann::json curve = nlohmann::json::array();  // [{epoch, train_loss?, val_nll?}]
};

/// Everything that the page shows; filled by the command, so that the page can be tested alone.
struct ReportData {
  std::string title;
  std::string headline;   // the first sentence: what is forecast, whether it beats the baseline
  std::string generated;  // date and command
  std::vector<std::string> districts, district_names, categories;
  std::vector<std::vector<std::vector<std::pair<double, double>>>>
      outlines;                          // [N][part] of (longitude, latitude); empty: no map
  std::string bin_word = "day";          // what a bin is called
  std::vector<std::string> coming_bins;  // [H] labels
  Layer recent;                          // [N, C] mean per bin over the last 28 days
  std::vector<ModelSeries> models;       // the baseline last
  std::vector<std::string> test_bins;    // labels
  std::vector<double> test_actual;       // [bins, C]
  nlohmann::json evaluation;             // evaluation.json
  nlohmann::json quality;                // quality.json, or null
  std::vector<std::pair<std::string, std::string>> facts;  // provenance: label, text
};

}  // namespace precinct::report
