// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// From a table of one's own, without polygons and so without borders, to the page of two networks.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/small_project.h"

namespace precinct {
namespace {

using test::run_precinct;
using testing::HasSubstr;

/// 150 days of four places and two kinds, 0 to 4 incidents of each a day.
std::string table() {
  std::string text = "nr,when,place,kind\n";
  int nr = 0;
  for (int day = 0; day < 150; ++day)
    for (int place = 0; place < 4; ++place)
      for (int kind = 0; kind < 2; ++kind)
        for (int i = 0; i < (day * 7 + place * 3 + kind) % 5; ++i)
          text +=
              fmt::format("{},2024-{:02}-{:02} {:02}:15,ward {},{}\n", ++nr, 1 + day / 30 % 5,
                          1 + day % 30 % 28, (day + i) % 24, place, kind == 0 ? "theft" : "fire");
  return text;
}

TEST(GenericTable, IsIngestedTrainedOnScoredForecastAndShown) {
  test::TemporaryFolder folder;
  write_file_atomically(folder / "own.csv", table());
  const auto ingest =
      run_precinct({"ingest", "--profile", "generic", "--column", "id=nr", "--column", "time=when",
                    "--column", "district=place", "--column", "category=kind", "--bin", "day",
                    "--out", folder / "own.h5", folder / "own.csv"});
  ASSERT_EQ(ingest.exit_code, 0) << ingest.err;
  for (const char* model : {"dnn", "gat_tcn"}) {
    const std::string own = folder / (std::string(model) + ".yaml");
    std::string text = test::small_config_text(model);
    text.replace(text.find("panel.h5"), 8, "own.h5");
    write_file_atomically(own, text);
    const auto trained = run_precinct({"train", own, "--run-dir", folder / model});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    EXPECT_THAT(trained.out, HasSubstr("gamma_poisson *"));
  }
  const auto scored = run_precinct({"evaluate", folder / "dnn", folder / "gat_tcn"});
  EXPECT_EQ(scored.exit_code, 0) << scored.err;
  const auto forecast = run_precinct({"forecast", "--artifact", folder / "gat_tcn", "--panel",
                                      folder / "own.h5", "--out", folder / "next.csv"});
  EXPECT_EQ(forecast.exit_code, 0) << forecast.err;
  EXPECT_THAT(read_file(folder / "next.csv"), HasSubstr(",ward 3,fire,"));
  const auto map = run_precinct({"forecast", "--artifact", folder / "gat_tcn", "--panel",
                                 folder / "own.h5", "--out", folder / "next.geojson"});
  EXPECT_EQ(map.exit_code, 3) << "no polygons, no map";
  EXPECT_THAT(map.err, HasSubstr("found none"));
  const auto page =
      run_precinct({"report", folder / "dnn", folder / "gat_tcn", "--out", folder / "page.html"});
  EXPECT_EQ(page.exit_code, 0) << page.err;
  EXPECT_THAT(read_file(folder / "page.html"), HasSubstr("ward 3"));
  const auto again =
      run_precinct({"train", folder / "gat_tcn.yaml", "--run-dir", folder / "gat_tcn"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("gat_tcn")) << "its table again";
}

TEST(StandardOutput, ThatTakesNoMoreIsAFailure) {
  const test::SmallProject project;
  const auto result =
      test::run_program({test::precinct_program(), "inspect", project / "panel.h5"}, -1,
                        [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); });
  EXPECT_EQ(result.exit_code, 6) << result.err;
  EXPECT_THAT(result.err, HasSubstr("expected"));
}

}  // namespace
}  // namespace precinct
