// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/forecast_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/store/hdf5_file.h"
#include "tests/support/hdf5_by_hand.h"
#include "tests/support/made_forecast.h"
#include "tests/support/small_project.h"

namespace precinct::models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Seconds since 1970 of "YYYY-MM-DDTHH:MM:SS+HH:MM", by the C library.
std::int64_t utc_seconds(const std::string& text) {
  std::tm tm{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
  EXPECT_EQ(text.size(), 25U) << text;
  EXPECT_NE(rest, nullptr) << text;
  if (rest == nullptr) return 0;
  const int sign = *rest == '-' ? -1 : 1;
  return ::timegm(&tm) - sign * (std::stoi(std::string(rest + 1, 2)) * 3600 +
                                 std::stoi(std::string(rest + 4, 2)) * 60);
}

/// Rows of a CSV whose fields may be quoted.
std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      rows.back().back() += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      rows.back().emplace_back();
    } else if (c == '\n' && !quoted) {
      rows.push_back({""});
    } else {
      rows.back().back() += c;
    }
  }
  rows.pop_back();
  return rows;
}

/// One forecast of 4 bins from `origin` beside a constant baseline.
struct Written {
  data::Panel panel = test::small_panel_with_polygons(60);
  Forecast forecast, baseline;
  ForecastFile file;

  explicit Written(std::int64_t origin = 60, Family family = Family::kNegativeBinomial2) {
    panel.nodes[2].code = "d,\"2\"";
    set(origin, family);
  }
  void set(std::int64_t origin, Family family) {
    forecast = test::made_forecast(panel, {origin}, 4, family, .5);
    baseline = test::made_forecast(panel, {origin}, 4, Family::kPoisson);
    for (float& mean : baseline.mean) mean *= 2;
    file = {&panel, &forecast, &baseline, "gamma_poisson"};
  }
};

/// Smallest y whose distribution function reaches p, by gamma functions in long double.
double quantile_by_hand(double mean, double a, double p) {
  long double sum = 0;
  const long double r = 1 / static_cast<long double>(a);
  for (int y = 0;; ++y) {
    sum += std::exp(std::lgamma(y + r) - std::lgamma(r) - std::lgamma(y + 1.0L) +
                    r * std::log(r / (r + mean)) + y * std::log(mean / (r + mean)));
    if (sum >= p) return y;
  }
}

TEST(ForecastFiles, CsvHasOneRowPerBinDistrictAndCategory) {
  const Written w;
  const auto rows = csv_rows(forecast_csv(w.file));
  ASSERT_EQ(rows.size(), 1U + 4 * 9 * 2);
  EXPECT_EQ(rows[0], (std::vector<std::string>{"origin", "bin_start", "bin_end", "district",
                                               "category", "mean", "p05", "p25", "p50", "p75",
                                               "p95", "risk_level", "baseline_mean"}));
  std::size_t i = 0;
  for (std::int64_t h = 0; h < 4; ++h)
    for (std::int64_t n = 0; n < 9; ++n)
      for (std::int64_t c = 0; c < 2; ++c, ++i) {
        const auto& row = rows[i + 1];
        ASSERT_EQ(row.size(), 13U);
        EXPECT_EQ(row[0], rows[1][1]);  // the origin is the start of the first bin
        EXPECT_EQ(row[3], n == 2 ? "d,\"2\"" : "d" + std::to_string(n));
        EXPECT_EQ(row[4], "c" + std::to_string(c));
        const double mean = w.forecast.mean[i], a = w.forecast.dispersion[i];
        EXPECT_NEAR(std::stod(row[5]) / mean, 1, 1e-4);
        const double levels[] = {.05, .25, .50, .75, .95};
        for (std::size_t q = 0; q < 5; ++q)
          EXPECT_EQ(std::stod(row[6 + q]), quantile_by_hand(mean, a, levels[q]));
        EXPECT_EQ(row[11], "");
        EXPECT_NEAR(std::stod(row[12]) / w.baseline.mean[i], 1, 1e-4);
      }
}

// small_panel starts on 2020-03-15 in Los Angeles; summer time ended on 2020-11-01.
TEST(ForecastFiles, TimesHaveTheZonesOffsetAcrossTheEndOfSummerTime) {
  Written w(230);  // 2020-10-31
  const auto rows = csv_rows(forecast_csv(w.file));
  const auto times = [&](std::size_t h) {
    return std::pair(rows[1 + 18 * h][1], rows[1 + 18 * h][2]);
  };
  EXPECT_EQ(times(0), std::pair(std::string("2020-10-31T00:00:00-07:00"),
                                std::string("2020-11-01T00:00:00-07:00")));
  EXPECT_EQ(times(1), std::pair(std::string("2020-11-01T00:00:00-07:00"),
                                std::string("2020-11-02T00:00:00-08:00")));
  EXPECT_EQ(times(2).second, "2020-11-03T00:00:00-08:00");
  const std::int64_t hours[] = {24, 25, 24, 24};
  for (std::size_t h = 0; h < 4; ++h)
    EXPECT_EQ(utc_seconds(times(h).second) - utc_seconds(times(h).first), hours[h] * 3600);
}

TEST(ForecastFiles, HoursAcrossBothChangesFollowOneAnother) {
  Written w;
  // Bins of one hour; the hour 01 of 1 November is doubled and one bin, the hour 02 of 14 March is
  // skipped.
  const auto rows_from = [&](int year, int month, int day) {
    w.panel.axis = BinAxis(BinSpec::parse("hours:1"), {days_from_civil(year, month, day), 0});
    w.set(0, Family::kPoisson);
    return csv_rows(forecast_csv(w.file));
  };
  const auto autumn = rows_from(2020, 11, 1);
  EXPECT_EQ(autumn[1 + 18][1], "2020-11-01T01:00:00-07:00");
  EXPECT_EQ(autumn[1 + 18][2], "2020-11-01T02:00:00-08:00");
  EXPECT_EQ(utc_seconds(autumn[1 + 18][2]) - utc_seconds(autumn[1 + 18][1]), 7200);
  const auto spring = rows_from(2021, 3, 14);
  EXPECT_EQ(spring[1 + 3 * 18][1], "2021-03-14T03:00:00-07:00");
  for (const auto& rows : {autumn, spring})
    for (std::size_t h = 0; h + 1 < 4; ++h)
      EXPECT_EQ(rows[1 + 18 * h][2], rows[1 + 18 * (h + 1)][1]);
}

TEST(ForecastFiles, DistrictsHaveTheirNamesAndThePolygonsOfTheForecast) {
  const Written w;
  const auto json = nlohmann::json::parse(districts_geojson(w.panel));
  const auto forecast = nlohmann::json::parse(forecast_geojson(w.file));
  ASSERT_EQ(json["features"].size(), w.panel.nodes.size());
  for (std::size_t n = 0; n < w.panel.nodes.size(); ++n) {
    const auto& node = w.panel.nodes[n];
    const auto& feature = json["features"][n];
    EXPECT_EQ(feature["properties"],
              (nlohmann::json{{"code", node.code}, {"name", node.name}, {"parent", node.parent}}));
    EXPECT_EQ(feature["geometry"], forecast["features"][n]["geometry"]);
  }
  data::Panel bare = w.panel;
  bare.geometry.clear();
  bare.geometry_offset.clear();
  EXPECT_THROW(districts_geojson(bare), DataError);
}

TEST(ForecastFiles, GeoJsonHasTheSameNumbersInEachDistrictsPolygon) {
  const Written w;
  const auto rows = csv_rows(forecast_csv(w.file));
  const auto json = nlohmann::json::parse(forecast_geojson(w.file));
  EXPECT_EQ(json["type"], "FeatureCollection");
  ASSERT_EQ(json["features"].size(), 9U);
  std::map<std::string, std::vector<std::string>> by_cell;
  for (std::size_t i = 1; i < rows.size(); ++i)
    by_cell[rows[i][3] + "|" + rows[i][1] + "|" + rows[i][4]] = rows[i];
  for (std::size_t n = 0; n < 9; ++n) {
    const auto& feature = json["features"][n];
    const auto& properties = feature["properties"];
    EXPECT_EQ(feature["type"], "Feature");
    EXPECT_EQ(properties["code"], w.panel.nodes[n].code);
    EXPECT_EQ(properties["name"], w.panel.nodes[n].name);
    ASSERT_EQ(properties["forecast"].size(), 4U * 2);
    for (const auto& cell : properties["forecast"]) {
      const auto& row =
          by_cell.at(w.panel.nodes[n].code + "|" + cell["bin_start"].get<std::string>() + "|" +
                     cell["category"].get<std::string>());
      EXPECT_EQ(properties["origin"], row[0]);
      EXPECT_EQ(cell["bin_end"], row[2]);
      EXPECT_NEAR(cell["mean"].get<double>() / std::stod(row[5]), 1, 1e-4);
      const char* names[] = {"p05", "p25", "p50", "p75", "p95"};
      for (std::size_t q = 0; q < 5; ++q)
        EXPECT_EQ(cell[names[q]].get<double>(), std::stod(row[6 + q]));
      EXPECT_TRUE(cell["risk_level"].is_null());
      EXPECT_NEAR(cell["baseline_mean"].get<double>() / std::stod(row[12]), 1, 1e-4);
    }
    // The square that small_panel_with_polygons drew, closed, longitude first.
    const auto& ring = feature["geometry"]["coordinates"][0][0];
    EXPECT_EQ(feature["geometry"]["type"], "MultiPolygon");
    ASSERT_EQ(ring.size(), 5U);
    EXPECT_EQ(ring.front(), ring.back());
    for (const auto& point : ring) {
      EXPECT_NEAR(point[0].get<double>(), w.panel.nodes[n].longitude, .0051);
      EXPECT_NEAR(point[1].get<double>(), w.panel.nodes[n].latitude, .0051);
    }
  }
}

TEST(ForecastFiles, Hdf5HasArraysOfTheSameNumbers) {
  const Written w;
  const test::TemporaryFolder folder;
  write_forecast(folder / "f.h5", w.file);
  const auto rows = csv_rows(forecast_csv(w.file));
  const test::Hdf5ByHand file(folder / "f.h5");
  const char* names[] = {"/mean", "/p05", "/p25", "/p50", "/p75", "/p95", "/baseline_mean"};
  for (std::size_t k = 0; k < 7; ++k) {
    EXPECT_EQ(file.dims(names[k]), (std::vector<hsize_t>{4, 9, 2}));
    EXPECT_EQ(file.type(names[k]), "f4");
    const auto values = file.numbers(names[k]);
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], std::stod(rows[i + 1][k == 6 ? 12 : 5 + k]), 1e-4 * (1 + values[i]))
          << names[k];
  }
  for (std::size_t h = 0; h < 4; ++h) {
    EXPECT_EQ(file.texts("/bin_start")[h], rows[1 + 18 * h][1]);
    EXPECT_EQ(file.texts("/bin_end")[h], rows[1 + 18 * h][2]);
  }
  EXPECT_EQ(file.texts("/district")[2], "d,\"2\"");
  EXPECT_EQ(file.texts("/category"), (std::vector<std::string>{"c0", "c1"}));
  EXPECT_EQ(file.attribute("/", "baseline"), "gamma_poisson");
  EXPECT_EQ(file.attribute("/", "origin"), rows[1][0]);
}

TEST(ForecastFiles, PointForecastsHaveNoQuantiles) {
  const Written w(60, Family::kPoint);
  const auto rows = csv_rows(forecast_csv(w.file));
  ASSERT_EQ(rows[5].size(), rows[0].size());
  EXPECT_NEAR(std::stod(rows[5][5]), w.forecast.mean[4], 1e-4);
  for (std::size_t q = 6; q < 12; ++q) EXPECT_EQ(rows[5][q], "");
  EXPECT_NEAR(std::stod(rows[5][12]), w.baseline.mean[4], 1e-4);
  const auto json = nlohmann::json::parse(forecast_geojson(w.file));
  for (const char* name : {"p05", "p25", "p50", "p75", "p95"})
    EXPECT_TRUE(json["features"][0]["properties"]["forecast"][0].at(name).is_null());
  const test::TemporaryFolder folder;
  write_forecast(folder / "f.h5", w.file);
  const auto file = data::Hdf5File::open(folder / "f.h5");
  EXPECT_TRUE(file.exists("/mean"));
  EXPECT_FALSE(file.exists("/p05") || file.exists("/p95"));
}

TEST(ForecastFiles, EndingChoosesTheFormAndOthersAreRefused) {
  const Written w;
  const test::TemporaryFolder folder;
  write_forecast(folder / "f.csv", w.file);
  write_forecast(folder / "f.geojson", w.file);
  EXPECT_EQ(read_file(folder / "f.csv"), forecast_csv(w.file));
  EXPECT_EQ(read_file(folder / "f.geojson"), forecast_geojson(w.file));
  EXPECT_THROW(write_forecast(folder / "f.txt", w.file), ConfigError);
  EXPECT_THROW(write_forecast(folder / "f", w.file), ConfigError);
  EXPECT_FALSE(std::filesystem::exists(folder / "f.txt"));
  EXPECT_THROW(write_forecast(folder / "none/f.csv", w.file), IoError);
}

TEST(ForecastFiles, APanelWithoutPolygonsIsRefusedInOneLine) {
  Written w;
  w.panel.geometry.clear();
  w.panel.geometry_offset.clear();
  const test::TemporaryFolder folder;
  try {
    write_forecast(folder / "f.geojson", w.file);
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("panel: expected polygons"),
                                    HasSubstr("found none; "), HasSubstr(".csv")));
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  write_forecast(folder / "f.csv", w.file);  // needs none
}

TEST(ForecastFiles, ABaselineOfAnotherShapeIsOurMistake) {
  Written w;
  w.baseline.mean.pop_back();
  EXPECT_THROW(forecast_csv(w.file), ShapeError);
  Written two;
  two.forecast.origins.push_back(61);
  EXPECT_THROW(forecast_csv(two.file), ShapeError);
}

}  // namespace
}  // namespace precinct::models
