// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// train, evaluate and forecast as a user runs them, on a small panel.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>

#include "data/store/hdf5_file.h"
#include "tests/support/small_project.h"
#include "tests/support/terminal.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::ProgramResult;
using test::Words;
using testing::ContainsRegex;
using testing::HasSubstr;

constexpr int kHorizon = 3, kDistricts = 9, kCategories = 2;

ProgramResult run(const Words& words) { return test::run_program(words, -1, test::use_one_thread); }

ProgramResult precinct_verb(const Words& more) {
  Words words = {test::precinct_program()};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

const test::SmallProject& project() {
  static const test::SmallProject project;
  return project;
}

/// The run of a model, trained once.
std::string run_of(const std::string& model) {
  static std::map<std::string, ProgramResult> made;
  if (!made.contains(model)) made[model] = run(project().train_words(model, "runs/" + model));
  EXPECT_EQ(made[model].exit_code, 0) << made[model].err;
  return project() / ("runs/" + model);
}

TEST(TrainCommand, ATerminalHasABarWithLossWindowsPerSecondAndTheTimeThatIsLeft) {
  test::Terminal terminal;
  Words words = project().train_words("crimenet", "bar", {"--set", "train.epochs=40"});
  const auto result = test::run_program(words, -1, [&] {
    test::use_one_thread();
    ::dup2(terminal.file(), STDERR_FILENO);
  });
  const std::string text = terminal.text();
  EXPECT_EQ(result.exit_code, 0) << text;
  EXPECT_THAT(text, ContainsRegex("\\[Kfit .*% [0-9]+ windows, [0-9]+/s, [0-9]+:[0-9][0-9] left  "
                                  "epoch [0-9.]+ loss [0-9.]+ val [0-9.]+"));
  EXPECT_THAT(text, ContainsRegex("\\[Krefit .*100 % [0-9]+ windows, "));
}

json forecaster(const json& evaluation, const std::string& name) {
  for (const auto& f : evaluation.at("forecasters"))
    if (f.at("name") == name) return f;
  return nullptr;
}

TEST(TrainCommand, ARunPrintsItsTableWithBaselinesAndLeavesAWholeFolder) {
  const auto result = run(project().train_words("dnn", "table"));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* word : {"dnn ", "gamma_poisson *", "last_value *", "NLL", "skill against"})
    EXPECT_THAT(result.out, HasSubstr(word));
  const fs::path folder = project() / "table";
  EXPECT_THAT(result.out, HasSubstr(folder.string())) << "says where it is";
  for (const char* name :
       {"config.yaml", "manifest.json", "metrics.jsonl", "timing.jsonl", "evaluation.json",
        "log/rank-0.log", "checkpoints/LATEST", "checkpoints/BEST", "artifact/model.safetensors",
        "artifact/config.yaml", "artifact/anchor.json", "artifact/features.json",
        "artifact/nodes.csv", "artifact/categories.csv", "artifact/nodes.geojson",
        "artifact/graph.safetensors", "artifact/CARD.md", "artifact/MANIFEST.json"})
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  const auto manifest = json::parse(read_file(folder / "manifest.json"));
  EXPECT_THAT(manifest.at("command").get<std::string>(), HasSubstr("train "));
  EXPECT_EQ(manifest.at("environment").at("OMP_NUM_THREADS"), "1");
  EXPECT_EQ(manifest.at("ranks_from"), "none");
  EXPECT_EQ(manifest.at("hosts").size(), 1U);
  const auto check = precinct_verb({"config", "check", folder / "config.yaml"});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  int event_files = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    event_files += entry.path().filename().string().starts_with("events.out.tfevents.");
  EXPECT_EQ(event_files, 1);
}

TEST(TrainCommand, TheTableAsJsonIsWhatTheRunKeeps) {
  const std::string folder = run_of("dnn");
  auto words = project().train_words("dnn", "runs/dnn");
  words.emplace_back("--json");
  const auto result = run(words);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto evaluation = json::parse(result.out);
  EXPECT_EQ(evaluation, json::parse(read_file(folder + "/evaluation.json")));
  EXPECT_GT(forecaster(evaluation, "dnn").at("total").at("NLL"), 0);
  EXPECT_EQ(forecaster(evaluation, "gamma_poisson").at("baseline"), true);
  EXPECT_EQ(evaluation.at("range").at("name"), "test");
}

TEST(TrainCommand, TheLossIsFetchedEveryFewStepsOnlyAndTimesAreApart) {
  for (const int every : {1, 5}) {
    const std::string name = fmt::format("every-{}", every);
    const auto result = run(project().train_words(
        "dnn", name, {"--set", fmt::format("log.every={}", every), "--set", "train.refit=none"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::string last = read_file(project() / (name + "/checkpoints/LATEST"));
    const auto steps = std::stoll(last.substr(5));
    ASSERT_GE(steps, 20);
    int losses = 0, scores = 0;
    for (const auto& line : test::json_lines(project() / (name + "/metrics.jsonl"))) {
      losses += line.contains("train/loss");
      scores += line.contains("val/NLL");
      EXPECT_FALSE(line.contains("seconds")) << "only what the step determines";
    }
    EXPECT_EQ(losses, steps / every);
    EXPECT_EQ(scores, 4) << "before the first step and after each of three epochs";
    const auto timing = test::json_lines(project() / (name + "/timing.jsonl"));
    EXPECT_EQ(static_cast<int>(timing.size()), losses);
    for (const char* key : {"step", "time/step", "time/data", "throughput/windows_per_sec"})
      EXPECT_TRUE(timing.back().contains(key)) << key;
    EXPECT_GT(timing.back().at("throughput/windows_per_sec"), 0);
  }
}

TEST(TrainCommand, WithRefitAllTheTestRangeIsNeverScoredByWeightsThatHaveSeenIt) {
  const Words more = {"--set", "train.refit=all"};
  const auto first = run(project().train_words("dnn", "refit-all", more));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const std::string evaluation = read_file(project() / "refit-all/evaluation.json");
  const auto written = fs::last_write_time(project() / "refit-all/artifact");
  const auto again = run(project().train_words("dnn", "refit-all", more));
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.out, first.out);
  EXPECT_EQ(read_file(project() / "refit-all/evaluation.json"), evaluation);
  EXPECT_EQ(fs::last_write_time(project() / "refit-all/artifact"), written) << "left alone";
  const auto refused = precinct_verb({"evaluate", project() / "refit-all"});
  EXPECT_EQ(refused.exit_code, 2) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("not learnt from"));
  const auto page = precinct_verb({"report", project() / "refit-all", "--panel",
                                   project() / "panel.h5", "--out", project() / "all.html"});
  EXPECT_EQ(page.exit_code, 0) << page.err;
  EXPECT_THAT(page.out, HasSubstr("their scores below are no test"));
  EXPECT_THAT(page.out, testing::Not(HasSubstr("better than")));
}

TEST(TrainCommand, AnAnchoredNetworkThatEndsWorseThanItsAnchorIsExitFive) {
  // four bins choose the epoch, and nothing holds the weights back: noise is learnt
  const auto result = run(project().train_words(
      "dnn", "noise",
      {"--set", "head.anchor=history", "--set", "train.optimizer.lr=0.1", "--set",
       "train.epochs=15", "--set", "train.schedule.name=constant", "--set", "model.dropout=0",
       "--set", "train.refit=none", "--set", "data.split.fractions=[0.5,0.03,0.47]"}));
  EXPECT_EQ(result.exit_code, 5) << result.out << result.err;
  EXPECT_THAT(result.err, HasSubstr("gamma_poisson + 0.003"));
  EXPECT_THAT(result.out, HasSubstr("gamma_poisson *")) << "the table is printed all the same";
}

/// The output of a dry run of so many ranks, in which nothing is trained and nothing is left.
ProgramResult dry_run(const std::string& model, const std::string& world_size, const Words& sets) {
  Words words = project().train_words(model, "dry", {"--dry-run", "--world-size", world_size});
  for (const auto& set : sets) words.insert(words.end(), {"--set", set});
  const auto result = run(words);
  EXPECT_FALSE(fs::exists(project() / "dry"));
  return result;
}

TEST(TrainCommand, ADryRunShowsWhatEachOfSixtyFourRanksHoldsAndSends) {
  const auto split = dry_run("gat_tcn", "64", {"train.global_batch_size=32", "parallel.tp=2"});
  ASSERT_EQ(split.exit_code, 0) << split.err;
  EXPECT_EQ(split.err, "");
  EXPECT_THAT(split.out, testing::StartsWith("64 ranks: dp 32 x pp 1 x tp 2\n"));
  EXPECT_THAT(split.out, HasSubstr("of a step's 32 windows 1 are rank "));
  EXPECT_THAT(split.out, ContainsRegex("a rank holds 0\\.[0-9]+ MiB of weights, [0-9.]+ MiB with"));
  for (const char* axis : {"dp", "tp"})
    EXPECT_THAT(split.out,
                ContainsRegex(fmt::format("  {}  [1-9][0-9]* messages, [0-9.]+ MiB from", axis)));
  const auto staged = dry_run("gat_tcn", "64",
                              {"train.global_batch_size=32", "parallel.tp=2", "parallel.pp=2",
                               "parallel.num_micro_batches=2"});
  ASSERT_EQ(staged.exit_code, 0) << staged.err;
  EXPECT_EQ(staged.err, "");
  EXPECT_THAT(staged.out, testing::StartsWith("64 ranks: dp 16 x pp 2 x tp 2\n"));
  for (const char* line : {"\nstage 0: input \\.\\. ", "MiB a micro-batch to stage 1,",
                           "\nstage 1: [^\n]* \\.\\. output; ", "1f1b: 2 stages, 2 micro-batches"})
    EXPECT_THAT(staged.out, ContainsRegex(line));
}

TEST(TrainCommand, ADryRunHasNoJsonForm) {
  const auto result = run(project().train_words("dnn", "dry", {"--dry-run", "--json"}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, testing::MatchesRegex("precinct: --json: expected [^\n]*; [^\n]*\n"));
}

TEST(TrainCommand, TheShellOfASlurmJobSaysThatItTrainsAlone) {
  const auto words = project().train_words("dnn", "shell", {"--no-score"});
  const auto result = test::run_program(words, 60'000, [] {
    test::use_one_thread();
    for (const auto& [name, value] : {std::pair{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "4"}})
      ::setenv(name, value, 1);
  });
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("shell of a Slurm job of 4 tasks and none of them"));
}

TEST(TrainCommand, ADryRunRefusesSizesThatDoNotMultiplyToItsRanks) {
  for (const Words& sets : std::vector<Words>{{"parallel.tp=3", "model.hidden=24"},
                                              {"parallel.dp=5"},
                                              {"parallel.dp=8", "parallel.pp=2"}}) {
    const auto result = dry_run("dnn", "64", sets);
    EXPECT_EQ(result.exit_code, 2) << sets[0];
    EXPECT_EQ(result.out, "") << sets[0];
    EXPECT_THAT(result.err,
                testing::MatchesRegex(
                    "precinct: parallel\\.dp x parallel\\.pp x parallel\\.tp: expected "
                    "sizes that multiply to the world's 64 ranks, found [^\n]*; [^\n]*\n"));
  }
}

TEST(EvaluateCommand, OneTableOverSeveralRunsAndTheBaselines) {
  const std::string dnn = run_of("dnn"), crimenet = run_of("crimenet"),
                    baselines = run_of("baselines");
  const auto result = precinct_verb({"evaluate", dnn, crimenet, baselines});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* word : {"dnn ", "crimenet ", "gamma_poisson *", "last_value *"})
    EXPECT_THAT(result.out, HasSubstr(word));
  const auto as_json = precinct_verb({"evaluate", dnn, crimenet, baselines, "--json"});
  const auto table = json::parse(as_json.out);
  const auto own = json::parse(read_file(dnn + "/evaluation.json"));
  EXPECT_EQ(forecaster(table, "dnn").at("total"), forecaster(own, "dnn").at("total"));
  EXPECT_EQ(forecaster(table, "crimenet").at("per_horizon").size(), std::size_t{kHorizon});
  const auto as_csv = precinct_verb({"evaluate", dnn, "--csv"});
  EXPECT_THAT(as_csv.out, testing::StartsWith("forecaster,part,key,figure,value\n"));
  EXPECT_THAT(as_csv.out, testing::Not(testing::EndsWith("\n\n")));
}

/// The file of a panel of the same places that begins so many days later and ends on the same day.
std::string panel_beginning_later(std::int64_t days) {
  data::Panel panel = test::small_panel_with_polygons(120 - days);
  panel.axis = BinAxis(panel.axis.spec(), panel.axis.start_of(days));
  const fs::path file = project() / fmt::format("later-by-{}.h5", days);
  data::write_panel(file, panel);
  return file;
}

/// The weights learnt from bins 0..96 of their own panel, days up to 2020-06-18.
TEST(EvaluateCommand, BinsOfAPanelThatBeginsOnAnotherDayAreThoseOfTheSameDays) {
  const auto evaluate = [](std::int64_t days) {
    return precinct_verb(
        {"evaluate", run_of("dnn"), "--allow-mismatch", "--panel", panel_beginning_later(days)});
  };
  const auto seen = evaluate(-40);  // its test range is bins 128..160, from 2020-06-11 on
  EXPECT_EQ(seen.exit_code, 2) << seen.out;
  EXPECT_THAT(seen.err, HasSubstr("not learnt from, found 2020-06-11 to 2020-07-12 where it learnt "
                                  "from 2020-03-15 to 2020-06-18"));
  const auto unseen = evaluate(40);  // bins 64..80, from 2020-06-27 on
  EXPECT_EQ(unseen.exit_code, 0) << unseen.err;
}

TEST(ReportCommand, SaysOfAPanelThatBeginsOnAnotherDayWhatTheWeightsHaveSeen) {
  const auto page = [](std::int64_t days) {
    return precinct_verb({"report", run_of("dnn"), "--allow-mismatch", "--panel",
                          panel_beginning_later(days), "--out", project() / "shifted.html"});
  };
  const auto seen = page(-40), unseen = page(40);
  EXPECT_EQ(seen.exit_code, 0) << seen.err;
  EXPECT_THAT(seen.out, HasSubstr("their scores below are no test"));
  EXPECT_EQ(unseen.exit_code, 0) << unseen.err;
  EXPECT_THAT(unseen.out, testing::Not(HasSubstr("no test")));
}

/// A copy of the dnn's run, with another word in its configuration.
std::string copied_run(const std::string& name, const std::string& word = "",
                       const std::string& other = "") {
  const fs::path folder = project() / name;
  fs::copy(run_of("dnn"), folder, fs::copy_options::recursive);
  std::string text = read_file(folder / "config.yaml");
  if (!word.empty()) text.replace(text.find(word), word.size(), other);
  write_file_atomically(folder / "config.yaml", text);
  return folder;
}

TEST(EvaluateCommand, SettingsThatAreTheFirstRunsAreNamed) {
  const std::string dnn = run_of("dnn"),
                    other = copied_run("of-last-value", "reference: \"gamma_poisson\"",
                                       "reference: \"last_value\"");
  const auto result = precinct_verb({"evaluate", dnn, other});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err,
              ContainsRegex("warning of-last-value: evaluate.reference: last_value instead of "
                            "gamma_poisson; all runs are scored with the settings of dnn\n"));
  EXPECT_THAT(precinct_verb({"evaluate", dnn}).err, testing::Not(HasSubstr("all runs")));
}

TEST(EvaluateCommand, EqualPanelsAtTwoPathsAreOneWhereThePanelIsNamed) {
  data::write_panel(project() / "moved.h5", test::small_panel_with_polygons());
  const std::string dnn = run_of("dnn"), other = copied_run("on-moved", "/panel.h5", "/moved.h5");
  EXPECT_EQ(precinct_verb({"evaluate", dnn, other}).exit_code, 2);
  const auto result = precinct_verb({"evaluate", dnn, other, "--panel", project() / "moved.h5"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST(EvaluateCommand, RunsThatAreCalledLikeABaselineOrADatasetGetANumber) {
  const std::string file = project() / "named.h5";
  const auto result = precinct_verb({"evaluate", run_of("dnn"), copied_run("gamma_poisson"),
                                     copied_run("origins"), "--predictions", file, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto table = json::parse(result.out);
  EXPECT_EQ(forecaster(table, "gamma_poisson-2").at("total"), forecaster(table, "dnn").at("total"));
  const auto h5 = data::Hdf5File::open(file);
  for (const char* name : {"/gamma_poisson-2/mean", "/origins-2/mean"})
    EXPECT_TRUE(h5.exists(name));
}

TEST(EvaluateCommand, ScoresCanBeRecomputedFromTheFileOfPredictions) {
  const std::string file = project() / "predictions.h5";
  const auto result = precinct_verb({"evaluate", run_of("dnn"), "--json", "--predictions", file});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto table = json::parse(result.out);
  const auto h5 = data::Hdf5File::open(file);
  const auto origins = h5.read<std::int64_t>("/origins");
  const auto counts = h5.read<float>("/observed_counts");
  EXPECT_EQ(h5.info("/observed_counts").dims,
            (std::vector<std::uint64_t>{origins.size(), kHorizon, kDistricts, kCategories}));
  EXPECT_EQ(h5.read_strings("/districts").size(), std::size_t{kDistricts});
  const auto begin = table.at("range").at("begin").get<std::int64_t>(),
             end = table.at("range").at("end").get<std::int64_t>();
  for (const std::string name : {"dnn", "gamma_poisson", "last_value"}) {
    const auto mean = h5.read<float>("/" + name + "/mean");
    double sum = 0;
    std::int64_t cells = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i) / (kDistricts * kCategories);
      const std::int64_t target =
          origins[static_cast<std::size_t>(row / kHorizon)] + row % kHorizon;
      if (target < begin || target >= end || !std::isfinite(counts[i])) continue;
      sum += std::abs(static_cast<double>(mean[i]) - static_cast<double>(counts[i]));
      ++cells;
    }
    EXPECT_EQ(cells, table.at("num_cells").get<std::int64_t>());
    EXPECT_NEAR(sum / static_cast<double>(cells),
                forecaster(table, name).at("total").at("MAE").get<double>(), 1e-6)
        << name;
  }
  EXPECT_EQ(h5.attribute("/dnn", "family"), "negative_binomial");
  EXPECT_TRUE(h5.exists("/dnn/dispersion"));
}

struct Row {
  std::string origin, start, end, district, category;
  double mean = 0, low = 0, median = 0, high = 0, baseline = 0;
};

std::vector<Row> forecast_rows(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line,
            "origin,bin_start,bin_end,district,category,mean,p05,p25,p50,p75,p95,risk_level,"
            "baseline_mean");
  std::vector<Row> rows;
  while (std::getline(lines, line)) {
    Words cells;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    if (cells.size() != 13) throw std::runtime_error(line);
    rows.push_back({cells[0], cells[1], cells[2], cells[3], cells[4], std::stod(cells[5]),
                    std::stod(cells[6]), std::stod(cells[8]), std::stod(cells[10]),
                    std::stod(cells[12])});
  }
  return rows;
}

Words forecast_words(const std::string& out, const Words& more = {}) {
  Words words = {"forecast", "--artifact",   run_of("dnn"), "--panel", project() / "panel.h5",
                 "--out",    project() / out};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(ForecastCommand, WritesTheSameFiguresAsCsvGeoJsonAndHdf5) {
  const auto csv = precinct_verb(forecast_words("week.csv", {"--json"}));
  ASSERT_EQ(csv.exit_code, 0) << csv.err;
  const auto summary = json::parse(csv.out);
  EXPECT_EQ(summary.at("bins"), kHorizon);
  EXPECT_EQ(summary.at("districts"), kDistricts);
  const auto rows = forecast_rows(read_file(project() / "week.csv"));
  ASSERT_EQ(rows.size(), std::size_t{kHorizon * kDistricts * kCategories});
  EXPECT_EQ(rows[0].start, "2020-07-13T00:00:00-07:00") << "the first bin after the panel";
  for (const Row& row : rows) {
    EXPECT_GT(row.mean, 0);
    EXPECT_GT(row.baseline, 0);
    EXPECT_LE(row.low, row.median);
    EXPECT_LE(row.median, row.high);
  }

  ASSERT_EQ(precinct_verb(forecast_words("week.geojson")).exit_code, 0);
  const auto map = json::parse(read_file(project() / "week.geojson"));
  ASSERT_EQ(map.at("features").size(), std::size_t{kDistricts});
  const auto& first = map.at("features")[0];
  EXPECT_EQ(first.at("geometry").at("type"), "MultiPolygon");
  EXPECT_EQ(first.at("properties").at("code"), rows[0].district);
  EXPECT_NEAR(first.at("properties").at("forecast")[0].at("mean"), rows[0].mean,
              1e-4 * rows[0].mean);

  ASSERT_EQ(precinct_verb(forecast_words("week.h5")).exit_code, 0);
  const auto h5 = data::Hdf5File::open(project() / "week.h5");
  EXPECT_EQ(h5.info("/mean").dims, (std::vector<std::uint64_t>{kHorizon, kDistricts, kCategories}));
  const auto mean = h5.read<float>("/mean"), p95 = h5.read<float>("/p95");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_NEAR(mean[i], rows[i].mean, 1e-4 * rows[i].mean);
    EXPECT_EQ(p95[i], rows[i].high);
  }
}

TEST(ForecastCommand, AnOriginInThePastUsesNothingAfterIt) {
  const Words origin = {"--origin", "2020-06-01"};
  ASSERT_EQ(precinct_verb(forecast_words("past.csv", origin)).exit_code, 0);
  const auto rows = forecast_rows(read_file(project() / "past.csv"));
  EXPECT_EQ(rows[0].origin, "2020-06-01T00:00:00-07:00");
  // the same panel with everything from the origin on changed
  data::Panel panel = test::small_panel_with_polygons();
  const std::int64_t bin = panel.axis.bin_of({days_from_civil(2020, 6, 1), 0});
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i)
    counts.push_back(panel.counts[i] + (i >= bin * kDistricts * kCategories ? 3 : 0));
  panel.counts = data::CountArray::from_u32(counts);
  data::write_panel(project() / "changed.h5", panel);
  auto words = forecast_words("changed.csv", origin);
  words[4] = project() / "changed.h5";
  ASSERT_EQ(precinct_verb(words).exit_code, 0);
  EXPECT_EQ(read_file(project() / "changed.csv"), read_file(project() / "past.csv"));
  words.resize(words.size() - 2);  // the twin: from the panel's end on, the change is seen
  ASSERT_EQ(precinct_verb(words).exit_code, 0);
  ASSERT_EQ(precinct_verb(forecast_words("end.csv")).exit_code, 0);
  EXPECT_NE(read_file(project() / "changed.csv"), read_file(project() / "end.csv"));
}

TEST(ForecastCommand, APanelThatBeginsLaterIsForecastWithAWarning) {
  const data::Panel panel = test::small_panel_with_polygons();
  constexpr std::int64_t kLeftOut = 20;
  data::Panel later = panel;
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = panel.index(kLeftOut, 0, 0); i < panel.counts.size(); ++i)
    counts.push_back(panel.counts[i]);
  later.counts = data::CountArray::from_u32(counts);
  later.num_bins -= kLeftOut;
  later.axis = BinAxis(panel.axis.spec(), panel.axis.start_of(kLeftOut));
  data::write_panel(project() / "later.h5", later);
  auto words = forecast_words("later.csv");
  words[4] = project() / "later.h5";
  const auto result = precinct_verb(words);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto said = result.err.find("begins on 2020-04-04, that of the artifact on 2020-03-15");
  ASSERT_NE(said, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("begins on", said + 1), std::string::npos) << "once";
  EXPECT_THAT(precinct_verb(forecast_words("whole.csv")).err, testing::Not(HasSubstr("begins on")));
}

TEST(ForecastCommand, AnOriginThatTheWeightsHaveLearntFromIsSaid) {
  const auto seen = precinct_verb(forecast_words("seen.csv", {"--origin", "2020-06-01"}));
  EXPECT_EQ(seen.exit_code, 0);
  EXPECT_THAT(seen.err,
              ContainsRegex("warning origin 2020-06-01[^\n]*: the weights learnt from bins "
                            "up to 2020-06-18; this is no forecast of the unseen\n"));
  for (const Words& more : {Words{}, {"--origin", "2020-06-19"}})
    EXPECT_THAT(precinct_verb(forecast_words("unseen.csv", more)).err,
                testing::Not(HasSubstr("learnt")));
}

TEST(ForecastCommand, AMissingFolderIsMade) {
  const auto result = precinct_verb(forecast_words("new/deep/week.csv"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::exists(project() / "new/deep/week.csv"));
}

}  // namespace
}  // namespace precinct
