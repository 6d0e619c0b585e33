// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Bins of an hour over the hour that spring skips: from a table to a forecast.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/small_project.h"

namespace precinct {
namespace {

using test::run_precinct;
using testing::HasSubstr;

constexpr int kDays = 40, kDistricts = 3;
const std::int64_t kFirstDay = days_from_civil(2024, 2, 15),
                   kChange = days_from_civil(2024, 3, 10);  // 02:00 to 03:00 is skipped

/// A row every few hours of the first `days` days; some were written down in the skipped hour.
std::string hourly_table(int days) {
  std::string text = "nr,when,place,kind\n";
  for (int hour = 0, nr = 0; hour < 24 * days; ++hour)
    for (int place = 0; place < kDistricts; ++place)
      for (int i = 0; i < (hour * 7 + place * 5) % 11 / 4; ++i)
        text +=
            fmt::format("{},{} {:02}:{:02},ward {},{}\n", ++nr, format_date(kFirstDay + hour / 24),
                        hour % 24, 10 * i, place, (hour + i) % 3 == 0 ? "fire" : "theft");
  return text;
}

/// Ingests the table's first days and returns the summary.
nlohmann::json ingested(const test::TemporaryFolder& folder, const std::string& name, int days) {
  write_file_atomically(folder / (name + ".csv"), hourly_table(days));
  const auto result = run_precinct(
      {"ingest", "--profile", "generic", "--column", "id=nr", "--column", "time=when", "--column",
       "district=place", "--column", "category=kind", "--time-zone", "America/Los_Angeles", "--bin",
       "hours:1", "--json", "--out", folder / (name + ".h5"), folder / (name + ".csv")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return nlohmann::json::parse(result.out);
}

TEST(HourlyTable, IsIngestedTrainedOnAndForecastOverAClockChange) {
  const test::TemporaryFolder folder;
  const auto summary = ingested(folder, "own", kDays);
  const data::Panel panel = data::read_panel(folder / "own.h5");
  ASSERT_EQ(panel.num_bins, 24 * kDays);
  std::uint64_t counted = 0;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i) counted += panel.counts[i];
  EXPECT_EQ(counted, summary.at("quality").at("accepted"));
  EXPECT_EQ(summary.at("quality").at("accepted"), summary.at("quality").at("rows_read"));
  EXPECT_GT(summary.at("quality").at("in_skipped_hour"), 0);
  for (std::int64_t t = 0; t < panel.num_bins; ++t)
    EXPECT_EQ(panel.is_observed(t, 0), t != 24 * (kChange - kFirstDay) + 2) << t;

  // What was learnt before the first change is used after it.
  ingested(folder, "winter", 22);
  const std::string settings =
      "data: {{panel: {}.h5, lookback: 24, horizon: 6, split: {{fractions: [0.6, 0.2, 0.2]}}}}\n"
      "input: {{node_embedding: 4, hour_embedding: 2, weekday_embedding: 2}}\n"
      "head: {{anchor: none}}\n"
      "model: {{name: {}{}}}\n"
      "train: {{epochs: 1, global_batch_size: 16, refit: none}}\n"
      "evaluate: {{stride: 6, bootstrap: {{replicates: 20}}}}\n";
  const std::string small = ", num_layers: 1, hidden: 8, head_width: 4";
  for (const auto& [name, source, model, sizes] :
       {std::tuple{"baselines", "own", "baselines", std::string()},
        {"dnn", "own", "dnn", small},
        {"dnn-winter", "winter", "dnn", small}}) {
    const std::string config = folder / (std::string(name) + ".yaml");
    write_file_atomically(config, fmt::format(fmt::runtime(settings), source, model, sizes));
    const auto trained = run_precinct({"train", config, "--run-dir", folder / name});
    ASSERT_EQ(trained.exit_code, 0) << name << trained.err;
    EXPECT_THAT(trained.out, HasSubstr("gamma_poisson *"));
  }
  for (const char* name : {"dnn", "dnn-winter"}) {
    const auto forecast = run_precinct({"forecast", "--artifact", folder / name, "--panel",
                                        folder / "own.h5", "--out", folder / "next.csv"});
    ASSERT_EQ(forecast.exit_code, 0) << name << forecast.err;
    EXPECT_THAT(read_file(folder / "next.csv"), HasSubstr(",2024-03-26T05:00:00-07:00,"));
  }
}

}  // namespace
}  // namespace precinct
