// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/loader/split.h"
#include "data/panel.h"
#include "models/forecast.h"
#include "report/report_data.h"

namespace precinct::report {

/// One model's forecasts for the page.
struct ModelForecasts {
  std::string name;
  const models::Forecast* coming = nullptr;  // one origin: the end of the panel
  const models::Forecast* test = nullptr;    // origins = the bins of the test range, horizon >= 1
  std::filesystem::path metrics_file;        // metrics.jsonl, or empty
};

/// Fills places, layers, series and curves. `evaluation` and `quality` are put in by the caller.
ReportData build_report(const data::Panel& panel, const data::BinRange& test,
                        const std::vector<ModelForecasts>& models);

/// The first sentence: names the best network by NLL and says whether it beats the reference.
std::string headline(const nlohmann::json& evaluation, const data::Panel& panel,
                     std::int64_t horizon);

}  // namespace precinct::report
