// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "data/store/panel_store.h"
#include "models/folder_manifest.h"
#include "models/forecast_files.h"
#include "models/forecast_predictions.h"
#include "tests/support/child_process.h"
#include "tests/support/full_panel.h"
#include "tests/support/made_forecast.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::precinct_program;
using test::ProgramResult;
using test::run_program;
using testing::HasSubstr;
using testing::StartsWith;

ProgramResult inspect(const fs::path& path, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {precinct_program(), "inspect", path.string()};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

json inspect_json(const fs::path& path) {
  const auto result = inspect(path, {"--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out);
}

void flip_bit(const fs::path& file, std::size_t at) {
  std::string bytes = read_file(file);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  write_file_atomically(file, std::string_view(bytes));
}

/// A safetensors file of one f32 tensor, written by hand.
std::string tensor_file(const std::vector<float>& values) {
  const json header = {
      {"layer.weight",
       {{"dtype", "F32"}, {"shape", {values.size()}}, {"data_offsets", {0, 4 * values.size()}}}}};
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes(8, '\0');
  const std::uint64_t size = text.size();
  std::memcpy(bytes.data(), &size, 8);
  bytes += text;
  bytes.append(reinterpret_cast<const char*>(values.data()), 4 * values.size());
  return bytes;
}

void make_checkpoint(const fs::path& folder, int step) {
  fs::create_directories(folder);
  write_file_atomically(folder / "model.safetensors", tensor_file({-1.5F, 2, 0.25F}));
  write_file_atomically(
      folder / "state.json",
      json({{"step", step}, {"phase", "fit"}, {"consumed", 64 * step}, {"panel_hash", "abc"}})
          .dump());
  models::write_manifest(folder);
}

/// Exit code, nothing on stdout, one line on stderr that says all of `says`.
void expect_refused(const ProgramResult& result, int exit_code,
                    const std::vector<std::string>& says) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("precinct: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  for (const auto& text : says) EXPECT_THAT(result.err, HasSubstr(text));
}

class InspectPanel : public testing::Test {
 protected:
  void SetUp() override { data::write_panel(file_, panel_); }
  test::TemporaryFolder folder_;
  fs::path file_ = folder_ / "panel.h5";
  data::Panel panel_ = test::full_panel(120);
};

TEST_F(InspectPanel, JsonHasShapeRangesAndTheVerifiedChecksum) {
  std::uint32_t most = 0;
  std::uint64_t total = 0, zeros = 0;
  for (std::int64_t i = 0; i < panel_.counts.size(); ++i) {
    most = std::max(most, panel_.counts[i]);
    total += panel_.counts[i];
    zeros += panel_.counts[i] == 0;
  }
  const auto found = inspect_json(file_);
  EXPECT_EQ(found["kind"], "panel");
  EXPECT_EQ(found["shape"], json({120, 9, 2}));
  EXPECT_EQ(found["type"], "u8");
  EXPECT_EQ(found["count_max"], most);
  EXPECT_NEAR(found["count_mean"].get<double>(), static_cast<double>(total) / 2160, 1e-12);
  EXPECT_NEAR(found["zero_share"].get<double>(), static_cast<double>(zeros) / 2160, 1e-12);
  EXPECT_NEAR(found["observed_share"].get<double>(), 1 - 1.0 / 1080, 1e-12);
  EXPECT_EQ(found["sha256"], sha256_file(file_));
  EXPECT_EQ(found["verified"], true);
  EXPECT_EQ(found["has_polygons"], true);
  EXPECT_EQ(found["categories"][1]["discovered_by_officer"], true);
}

TEST_F(InspectPanel, TextHasASparklinePerCategory) {
  const auto result = inspect(file_);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, StartsWith("panel " + file_.string()));
  EXPECT_THAT(result.out, HasSubstr("u8 [120, 9, 2]"));
  EXPECT_THAT(result.out, HasSubstr(", verified"));
  const std::string line = inspect_json(file_)["categories"][0]["sparkline"];
  EXPECT_EQ(line.size(), 60U * 3);  // block characters have three bytes each
  EXPECT_THAT(result.out, HasSubstr("  " + line + "  "));
}

TEST_F(InspectPanel, AFlippedBitIsOneLineAndCode3) {
  flip_bit(file_, 5000);
  expect_refused(inspect(file_), 3, {"panel.h5", "expected sha256", "found", "make it again"});
}

TEST_F(InspectPanel, AFlippedFirstByteIsStillAPanelThatIsDamaged) {
  flip_bit(file_, 0);
  expect_refused(inspect(file_), 3, {"expected sha256"});
}

TEST_F(InspectPanel, ChecksumCanBeLeftOut) {
  fs::remove(file_.string() + ".sha256");
  expect_refused(inspect(file_), 3, {".sha256", "--no-verify"});
  const auto result = inspect(file_, {"--no-verify"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("not compared"));
}

TEST(Inspect, NothingThereIsCode6AndSomethingElseIsCode3) {
  const test::TemporaryFolder folder;
  expect_refused(inspect(folder / "none"), 6, {"none", "expected", "found nothing", "check"});
  expect_refused(inspect(folder.path()), 3, {"expected a panel", "found something else"});
  write_file_atomically(folder / "notes.txt", std::string("text"));
  expect_refused(inspect(folder / "notes.txt"), 3, {"expected a panel"});
  write_file_atomically(folder / "empty.h5", std::string());
  EXPECT_EQ(inspect(folder / "empty.h5").exit_code, 3);
}

TEST(Inspect, ACsvIsNamedAsOneWhateverItsName) {
  const test::TemporaryFolder folder;
  for (const char* name : {"records.csv", "panel.h5"}) {
    write_file_atomically(folder / name, std::string("id,time\n1,2020-03-15\n"));
    expect_refused(inspect(folder / name), 3,
                   {name, "expected a panel", "found a CSV file", "'precinct ingest'"});
  }
  expect_refused(inspect(folder / "panel.h5", {"--no-verify"}), 3, {"found a CSV file"});
}

/// Files of forecasts, as `forecast` and `evaluate --predictions` write them.
class InspectForecast : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  data::Panel panel_ = test::full_panel(120);
  models::Forecast forecast_ =
      test::made_forecast(panel_, {117}, 3, models::Family::kNegativeBinomial2);
};

TEST_F(InspectForecast, OfOneOriginHasItsTimeMeansAndBaseline) {
  models::Forecast beside = test::made_forecast(panel_, {117}, 3, models::Family::kPoisson);
  for (float& mean : beside.mean) mean = 0.5F;
  models::write_forecast(folder_ / "week.h5", {&panel_, &forecast_, &beside, "gamma_poisson"});
  double sum = 0, first = 0;
  for (std::size_t i = 0; i < forecast_.mean.size(); ++i) {
    sum += forecast_.mean[i];
    if (i < forecast_.mean.size() / 3) first += forecast_.mean[i];
  }
  const auto found = inspect_json(folder_ / "week.h5");
  EXPECT_EQ(found["kind"], "forecast");
  EXPECT_EQ(found["shape"], json({3, 9, 2}));
  EXPECT_EQ(found["baseline"], "gamma_poisson");
  EXPECT_EQ(found["baseline_mean"]["mean"], 0.5);
  EXPECT_NEAR(found["mean"]["mean"].get<double>(), sum / 54, 1e-9);
  EXPECT_NEAR(found["expected_per_bin"][0].get<double>(), first, 1e-9);
  EXPECT_THAT(found["origin"].get<std::string>(),
              StartsWith(format_civil(panel_.axis.start_of(117)).substr(0, 10)));
  const auto text = inspect(folder_ / "week.h5");
  EXPECT_EQ(text.err, "");
  EXPECT_THAT(text.out, StartsWith("forecast " + (folder_ / "week.h5").string()));
  EXPECT_THAT(text.out, HasSubstr("3 bins, " + found["origin"].get<std::string>() + " to "));
  EXPECT_THAT(text.out, HasSubstr("gamma_poisson, mean 0.5000 a cell, 0.5000 to 0.5000; 27.0"));
}

TEST_F(InspectForecast, OfManyOriginsHasEachForecasterBesideWhatWasObserved) {
  forecast_ = test::made_forecast(panel_, {100, 101, 119}, 3, models::Family::kNegativeBinomial2);
  models::Forecast naive =
      test::made_forecast(panel_, {100, 101, 119}, 3, models::Family::kPoisson);
  naive.mean[0] = std::numeric_limits<float>::quiet_NaN();
  models::write_predictions(folder_ / "p.h5", panel_,
                            {{"gat_tcn", &forecast_}, {"last_value", &naive}});
  const auto found = inspect_json(folder_ / "p.h5");
  EXPECT_EQ(found["kind"], "predictions");
  EXPECT_EQ(found["shape"], json({3, 3, 9, 2}));
  EXPECT_EQ(found["first_origin"], 100);
  EXPECT_EQ(found["last_origin"], 119);
  EXPECT_GE(found["observed"]["not_finite"], 36);  // two bins lie after the panel
  ASSERT_EQ(found["forecasters"].size(), 2U);
  EXPECT_EQ(found["forecasters"][0]["name"], "gat_tcn");
  EXPECT_EQ(found["forecasters"][0]["family"], "negative_binomial");
  EXPECT_EQ(found["forecasters"][1]["mean"]["not_finite"], 1);
  const auto text = inspect(folder_ / "p.h5");
  EXPECT_THAT(text.out, HasSubstr("3, bins 100 to 119 of the panel, each with 3 bins ahead"));
  EXPECT_THAT(text.out, HasSubstr("negative binomial, mean "));
  EXPECT_THAT(text.out, HasSubstr("1 are NOT finite"));
}

TEST_F(InspectForecast, ThatIsCutIsOneLineAndCode3) {
  models::write_predictions(folder_ / "p.h5", panel_, {{"gat_tcn", &forecast_}});
  const std::string whole = read_file(folder_ / "p.h5");
  write_file_atomically(folder_ / "p.h5", std::string_view(whole).substr(0, whole.size() / 2));
  expect_refused(inspect(folder_ / "p.h5"), 3, {"p.h5", "expected", "found"});
}

TEST(Inspect, CheckpointHasStateAndRangesOfItsWeights) {
  const test::TemporaryFolder folder;
  make_checkpoint(folder / "step-000000012", 12);
  const auto found = inspect_json(folder / "step-000000012");
  EXPECT_EQ(found["kind"], "checkpoint");
  EXPECT_EQ(found["state"]["step"], 12);
  EXPECT_EQ(found["verified"], true);
  const auto& weights = found["weights"];
  EXPECT_EQ(weights["parameters"], 3);
  EXPECT_EQ(weights["tensors"][0]["name"], "layer.weight");
  EXPECT_EQ(weights["tensors"][0]["min"], -1.5);
  EXPECT_EQ(weights["tensors"][0]["max"], 2);
  EXPECT_EQ(weights["not_finite"], 0);
}

TEST(Inspect, DamagedCheckpointsAreOneLineAndCode3) {
  const test::TemporaryFolder folder;
  for (const int step : {12, 24})
    make_checkpoint(folder / ("step-0000000" + std::to_string(step)), step);
  write_file_atomically(folder / "LATEST", std::string("step-000000024\n"));
  const auto found = inspect_json(folder.path());
  EXPECT_EQ(found["kind"], "checkpoints");
  EXPECT_EQ(found["checkpoints"].size(), 2U);
  EXPECT_EQ(found["latest"], "step-000000024");
  flip_bit(folder / "step-000000024/model.safetensors", 85);
  for (const fs::path& path : {folder.path(), folder / "step-000000024"})
    expect_refused(inspect(path), 3,
                   {"step-000000024/model.safetensors", "expected sha256", "found"});
  EXPECT_EQ(inspect(folder / "step-000000012").exit_code, 0);
}

TEST(Inspect, TensorFilesThatAreCutOrNotFinite) {
  const test::TemporaryFolder folder;
  const auto file = folder / "w.safetensors";
  const std::string whole = tensor_file({1, 2, 3});
  write_file_atomically(file, tensor_file({1, std::numeric_limits<float>::infinity()}));
  EXPECT_EQ(inspect_json(file)["not_finite"], 1);
  EXPECT_THAT(inspect(file).out, HasSubstr("1 are NOT finite"));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{20}, whole.size() - 1}) {
    write_file_atomically(file, std::string_view(whole).substr(0, size));
    expect_refused(inspect(file), 3, {"w.safetensors: byte ", "expected a whole", "found"});
  }
  write_file_atomically(file, whole + "x");
  expect_refused(inspect(file), 3, {"13 bytes of data where the tensors hold 12"});
}

}  // namespace
}  // namespace precinct
