// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/run_evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "models/artifact_forecaster.h"
#include "tests/support/small_run.h"
#include "tests/support/temporary_folder.h"
#include "train/network_forecaster.h"
#include "train/run_logs.h"
#include "train/validation_scorer.h"

namespace precinct::train {
namespace {

using data::BinRange;
using test::small_config;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(RangeNamed, GivesThePartOfItsNameAndRefusesOthersByName) {
  data::Split split{{0, 60}, {60, 80}, {80, 100}, {}};
  EXPECT_EQ(range_named(split, "validation"), split.validation);
  EXPECT_EQ(range_named(split, "test"), split.test);
  for (const std::string name : {"train", "tset", "", "production"}) {
    try {
      range_named(split, name);
      ADD_FAILURE() << "'" << name << "' was taken";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("found '" + name + "'"));
    }
  }
  split.production = {100, 120};
  EXPECT_EQ(range_named(split, "production"), split.production);
  EXPECT_THROW(range_named(split, "train"), ConfigError) << "no part of another name";
}

std::vector<std::string> names_of(const std::vector<metrics::NamedForecast>& forecasts) {
  std::vector<std::string> names;
  for (const auto& forecast : forecasts) names.push_back(forecast.name);
  return names;
}

TEST(BaselineForecasts, ReferenceAndGammaPoissonAreAddedOnce) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config();
  const auto split = split_of(config.data, panel.num_bins);
  const auto origins = scoring_origins(config, split.test);
  const auto names = [&](const std::vector<std::string>& baselines, const std::string& reference) {
    config.evaluate.baselines = baselines;
    config.evaluate.reference = reference;
    return names_of(baseline_forecasts(config, panel, split, origins));
  };
  EXPECT_THAT(names({"last_value"}, "historical_mean"),
              ElementsAre("last_value", "historical_mean", "gamma_poisson"));
  EXPECT_THAT(names({}, "gamma_poisson"), ElementsAre("gamma_poisson"));
  EXPECT_THAT(names({"gamma_poisson", "last_value"}, "last_value"),
              ElementsAre("gamma_poisson", "last_value"));
}

TEST(BaselineForecasts, AreMadeFromTheScoringOriginsAndScoredOnTheNamedRange) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config();
  config.evaluate.baselines = {"last_value"};
  config.evaluate.bootstrap_replicates = 20;
  const auto split = split_of(config.data, panel.num_bins);
  const auto origins = scoring_origins(config, split.test);
  const auto forecasts = baseline_forecasts(config, panel, split, origins);
  for (const auto& forecast : forecasts) {
    EXPECT_TRUE(forecast.is_baseline);
    EXPECT_EQ(forecast.forecast.origins, origins);
    EXPECT_EQ(forecast.forecast.horizon, config.data.horizon);
  }
  const auto table = evaluate_forecasts(config, panel, split, "test", forecasts);
  EXPECT_EQ(table.range, split.test);
  EXPECT_EQ(table.range_name, "test");
  // every target bin once at each horizon step, in each district and category
  EXPECT_EQ(table.num_cells, split.test.size() * 3 * panel.num_nodes * panel.num_categories);
}

metrics::Evaluation table_of(double network, double anchor) {
  metrics::Evaluation table;
  table.forecasters.resize(2);
  table.forecasters[0].name = "gat_tcn";
  table.forecasters[0].total["NLL"] = network;
  table.forecasters[1].name = "gamma_poisson";
  table.forecasters[1].total["NLL"] = anchor;
  return table;
}

TEST(AnchorKept, MoreThanThreeThousandthsWorseIsNumericAndExitCodeFive) {
  const auto config = small_config("gat_tcn");
  ASSERT_EQ(config.head.anchor, "history");
  EXPECT_NO_THROW(require_anchor_kept(config, table_of(.5, .5751), "gat_tcn"));
  EXPECT_NO_THROW(require_anchor_kept(config, table_of(.5780, .5751), "gat_tcn"));
  try {
    require_anchor_kept(config, table_of(.5782, .5751), "gat_tcn");
    FAIL() << "0.0031 above the anchor";
  } catch (const NumericError& error) {
    EXPECT_EQ(static_cast<int>(error.code()), 5);
    for (const char* part : {"gat_tcn", "0.5781", "0.5782"})
      EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

TEST(AnchorKept, NothingIsAskedWithoutAnchorOrDistribution) {
  auto config = small_config("gat_tcn");
  config.head.anchor = "none";
  EXPECT_NO_THROW(require_anchor_kept(config, table_of(9, .5), "gat_tcn"));
  config.head.anchor = "history";
  config.head.name = "point";
  EXPECT_NO_THROW(require_anchor_kept(config, table_of(9, .5), "gat_tcn"));
}

/// A panel of which some districts were not observed for a while, in the scored range too.
data::Panel panel_with_holes() {
  data::Panel panel = test::small_panel(120, 2, 2);
  for (std::int64_t t = 0; t < panel.num_bins; ++t)
    for (std::int64_t n = 0; n < panel.num_nodes; ++n)
      panel.observed.push_back(static_cast<std::uint8_t>((t + 3 * n) % 11 != 0));
  return panel;
}

class EachHead : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Heads, EachHead, testing::Values("negative_binomial", "poisson", "point"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EachHead, ValidationScoreIsThatOfADirectEvaluationOnTheSameCells) {
  const auto panel = panel_with_holes();
  auto config = small_config();
  config.head.name = GetParam();
  config.head.anchor = "none";
  config.model.dropout = 0.5;  // scoring must switch it off
  config.evaluate.bootstrap_replicates = 20;
  const auto split = split_of(config.data, panel.num_bins);
  const auto ranges = ranges_of(Phase::kFit, config, split, panel.num_bins);
  const PhaseData data(config, panel, ranges, std::nullopt, torch::kCPU);
  test::OneRank one(config);
  Learner learner(config, data.context(), 10, 30, one.ranks);
  models::ForecastModel* model = &learner.model();
  {
    const torch::NoGradGuard no_grad;  // last layers start from zero: all forecasts would be one
    torch::manual_seed(5);
    for (auto& parameter : model->parameters()) parameter.add_(0.1 * torch::randn_like(parameter));
  }
  model->train();
  const auto scores =
      ValidationScorer(config, data.series(), ranges.score, one.ranks).score(learner);
  EXPECT_TRUE(model->is_training()) << "training goes on as it was";

  model->eval();
  const auto origins = scoring_origins(config, split.validation);
  const auto table = evaluate_forecasts(
      config, panel, split, "validation",
      {{"mine", false,
        models::predict_windows(*model, config.head, data.series(), origins, config.data.horizon)},
       {"gamma_poisson", true, baseline_forecasts(config, panel, split, origins).back().forecast}});
  ASSERT_LT(table.num_cells, split.validation.size() * 3 * panel.num_nodes * panel.num_categories)
      << "no hole in the scored range: the test says less";
  const auto& total = table.get("mine").total;
  const double expected =
      config.head.name == "point" ? 0.5 * total.at("RMSE") * total.at("RMSE") : total.at("NLL");
  EXPECT_NEAR(scores.at("val/NLL"), expected, 1e-5);
}

TEST(NetworkForecaster, PredictsOnlyAfterFitAndWithWhatTheTestRangeMayBeScoredWith) {
  const auto panel = test::small_panel(100, 2, 2);
  auto config = small_config();
  config.head.anchor = "none";
  config.train.refit = "all";  // that artifact has seen the test range
  config.train.refit_epochs = "2";
  const auto split = split_of(config.data, panel.num_bins);
  const auto origins = scoring_origins(config, split.test);
  test::TemporaryFolder folder;
  const RunFolder run(folder / "run");
  test::OneRank one(config);
  NetworkForecaster network(config, "panel-hash", run, one.ranks);
  EXPECT_EQ(network.name(), "dnn");
  EXPECT_THROW(network.predict(panel, origins, 3), ShapeError);
  network.fit(panel, split);
  const auto forecast = network.predict(panel, origins, 3);
  const auto with = [&](const models::Artifact& artifact) {
    return models::ArtifactForecaster(artifact).predict(panel, origins, 3).mean;
  };
  EXPECT_EQ(forecast.origins, origins);
  EXPECT_EQ(forecast.mean, with(network.result().evaluated));
  EXPECT_NE(forecast.mean, with(network.result().artifact));
}

std::vector<nlohmann::json> lines_of(const std::filesystem::path& file) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(MetricsLog, IsCutBackToTheCheckpointsStepWhenARunGoesOn) {
  test::TemporaryFolder folder;
  const auto file = folder / "metrics.jsonl";
  TrainState state, saved;
  const RunView view{state, 10, 5, 40};
  const auto log_step = [&](MetricsLog& log, std::int64_t step, double loss) {
    state.step = state.phase_step = step;
    log.on_losses(view, {{"train/loss", loss}});
  };
  {
    MetricsLog log(file);
    log.on_begin(view);
    log_step(log, 1, .7);
    log_step(log, 2, .6);
    log.before_checkpoint(state);
    saved = state;
    log_step(log, 3, .123456789);  // of steps that are taken again
    log_step(log, 4, .4);
  }
  ASSERT_EQ(lines_of(file).size(), 4U);
  state = saved;
  MetricsLog log(file);
  log.on_begin(view);
  ASSERT_EQ(lines_of(file).size(), 2U);
  EXPECT_EQ(lines_of(file).back().at("step"), 2);
  log_step(log, 3, .5);
  const auto lines = lines_of(file);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines.back().at("step"), 3);
  EXPECT_EQ(lines.back().at("train/loss"), .5);
  EXPECT_EQ(lines.back().at("epoch"), 3.0 / 5);
}

TEST(RunLogs, OneLineForEveryLogEveryAndTimesInAFileOfTheirOwn) {
  const auto panel = test::small_panel(90, 2, 2);
  auto config = small_config();
  config.train.refit = "none";
  config.train.steps = 9;
  config.train.checkpoint.every = "100st";  // best ones and the last alone
  config.log.every = 2;
  config.log.tensorboard = false;
  test::TemporaryFolder folder;
  const auto run = folder / "run";
  try {
    test::run_once(config, panel, run, [](const TrainState& state) {
      if (state.step == 5) throw std::runtime_error("died");
    });
    FAIL() << "the run did not die";
  } catch (const std::runtime_error& error) {
    ASSERT_STREQ(error.what(), "died");
  }
  const std::size_t before = lines_of(run / "timing.jsonl").size();
  EXPECT_EQ(before, 2U);  // steps 2 and 4
  test::run_once(config, panel, run);

  std::vector<std::int64_t> logged;
  for (const auto& line : lines_of(run / "metrics.jsonl")) {
    if (line.contains("train/loss")) logged.push_back(line.at("step").get<std::int64_t>());
    for (const char* name : {"seconds", "time/step", "time/data", "throughput/windows_per_sec"})
      EXPECT_FALSE(line.contains(name)) << name << " differs between runs";
  }
  EXPECT_THAT(logged, ElementsAre(2, 4, 6, 8));
  const auto timing = lines_of(run / "timing.jsonl");
  EXPECT_GE(timing.size(), before + 2) << "times of the first start stay";
  for (const auto& line : timing) {
    EXPECT_EQ(line.at("step").get<std::int64_t>() % 2, 0);
    EXPECT_GT(line.at("time/step").get<double>(), 0);
    EXPECT_FALSE(line.contains("train/loss"));
  }
}

}  // namespace
}  // namespace precinct::train
