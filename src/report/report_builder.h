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
  const models::Forecast* test = nullptr;    // origins hold every bin of the test range
  std::filesystem::path metrics_file;        // metrics.jsonl, or empty
};

/// Fills places, past, series, curves, title and facts of the panel. What an evaluation and an
/// ingest said is put in by the caller. Throws ShapeError when forecasts do not fit the panel or
/// leave out a bin of the test range.
ReportData build_report(const data::Panel& panel, const data::BinRange& test,
                        const std::vector<ModelForecasts>& models);

/// Whether the network that was picked before the test range was seen beats the reference there; on
/// the first network, and says so, when none was picked.
struct Verdict {
  std::string text;
  bool is_better = false;
};
Verdict verdict_of(const nlohmann::json& evaluation);

/// Says which bins a network's weights have learnt from, and that the same weights forecast after
/// the last bin; a notice as well when they have seen the test range. `learnt` is in bins of this
/// panel (FeatureSpec::learnt_bins) and may lie outside it.
struct WeightsNote {
  std::string text;
  bool has_seen_test = false;
};
WeightsNote weights_note(const data::Panel& panel, const data::BinRange& learnt,
                         const data::BinRange& test);

}  // namespace precinct::report
