// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// The NLL of historical_mean on the validation range of a panel, for several strengths of its
// shrinkage; no bin from the end of that range on is forecast or scored.
// Arguments: panel, first bin of the validation range, the bin after its last. Prints one JSON line
// a strength.
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "config/experiment_config.h"
#include "data/store/panel_store.h"
#include "metrics/evaluation.h"
#include "models/baselines/simple_means.h"

namespace {

using precinct::data::Panel;
using precinct::data::Split;

double validation_nll(const Panel& panel, const Split& split, float pseudo_bins) {
  precinct::models::HistoricalMean baseline(pseudo_bins);
  baseline.fit(panel, split);
  const auto origins = precinct::metrics::evaluation_origins(split.validation, 1, 1, 0);
  precinct::config::EvaluateConfig config;
  config.reference = baseline.name();
  config.bootstrap_replicates = 1;
  return precinct::metrics::evaluate(panel, split.validation, "validation", split.train,
                                     {{baseline.name(), true, baseline.predict(panel, origins, 1)}},
                                     config)
      .get(baseline.name())
      .total.at("NLL");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("bench_simple_means: expected PANEL FIRST END, found others; see its source\n",
               stderr);
    return 2;
  }
  try {
    const Panel panel = precinct::data::read_panel(argv[1]);
    const std::int64_t first = std::atoll(argv[2]), end = std::atoll(argv[3]);
    PRECINCT_CHECK(
        0 < first && first < end && end <= panel.num_bins, ConfigError,
        "validation range: expected 0 < FIRST < END <= {}, found {} and {}; see data.split",
        panel.num_bins, first, end);
    const Split split{{0, first}, {first, end}, {end, end}, {}};
    for (const float pseudo_bins : {0.0F, 1.0F, 3.0F, 10.0F, 30.0F, 100.0F, 300.0F, 1000.0F})
      std::printf("{\"pseudo_bins\":%g,\"validation_NLL\":%.5f}\n", pseudo_bins,
                  validation_nll(panel, split, pseudo_bins));
  } catch (const precinct::Error& error) {
    std::fprintf(stderr, "bench_simple_means: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
