// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/artifact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "models/artifact_forecaster.h"
#include "models/artifact_tables.h"
#include "tests/parallel/ranks.h"
#include "tests/support/small_run.h"
#include "tests/support/temporary_folder.h"

namespace precinct::train {
namespace {

using test::small_config;

/// The panel with every count from `bin` on changed.
data::Panel changed_from(const data::Panel& panel, std::int64_t bin) {
  data::Panel other = panel;
  std::vector<std::uint32_t> counts;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i)
    counts.push_back(i < panel.index(bin, 0, 0) ? panel.counts[i]
                                                : 9 - std::min(9U, panel.counts[i]));
  other.counts = data::CountArray::from_u32(counts);
  return other;
}

class FrozenArtifact : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, FrozenArtifact, testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(FrozenArtifact, WhatLiesAfterTheOriginDoesNotChangeTheForecast) {
  const auto panel = test::small_panel(110);
  auto config = small_config(GetParam());
  config.train.epochs = 1;
  test::TemporaryFolder folder;
  const auto result = test::run_once(config, panel, folder / "run");
  models::save_artifact(folder / "artifact", result.artifact, panel);
  models::ArtifactForecaster forecaster(models::load_artifact(folder / "artifact"));
  const std::vector<std::int64_t> origins = {95};
  const auto before = forecaster.predict(panel, origins, 3);
  const auto later = changed_from(panel, 95), earlier = changed_from(panel, 94);
  const auto same = forecaster.predict(later, origins, 3);
  EXPECT_EQ(same.mean, before.mean);
  EXPECT_EQ(same.dispersion, before.dispersion);
  const auto differs = forecaster.predict(earlier, origins, 3);  // the twin that must see it
  EXPECT_NE(differs.mean, before.mean);
}

TEST(Artifact, ForecastsAreTheSameAfterSavingAndLoading) {
  const auto panel = test::small_panel(110);
  auto config = small_config();
  config.train.epochs = 1;
  test::TemporaryFolder folder;
  const auto result = test::run_once(config, panel, folder / "run");
  models::ArtifactForecaster mine(result.artifact);
  models::save_artifact(folder / "artifact", result.artifact, panel);
  models::save_artifact(folder / "artifact", result.artifact, panel);  // replaces
  models::ArtifactForecaster loaded(models::load_artifact(folder / "artifact"));
  const std::vector<std::int64_t> origins = {90, 100, 110};
  const auto a = mine.predict(panel, origins, 3), b = loaded.predict(panel, origins, 3);
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.dispersion, b.dispersion);
  EXPECT_EQ(a.size(), 3 * 3 * 9 * 2);
  for (const char* name :
       {"model.safetensors", "config.yaml", "anchor.json", "features.json", "graph.safetensors",
        "nodes.csv", "categories.csv", "CARD.md", "MANIFEST.json"})
    EXPECT_TRUE(std::filesystem::exists(folder / "artifact" / name)) << name;
}

TEST(Artifact, DamageOtherPanelsAndEarlyOriginsAreRefused) {
  const auto panel = test::small_panel(110);
  auto config = small_config();
  config.train.epochs = 1;
  test::TemporaryFolder folder;
  const auto result = test::run_once(config, panel, folder / "run");
  models::ArtifactForecaster forecaster(result.artifact);
  const std::vector<std::int64_t> early = {9}, good = {100};
  EXPECT_THROW(forecaster.predict(panel, early, 3), DataError);
  EXPECT_THROW(forecaster.predict(panel, good, 4), ConfigError);
  EXPECT_THROW(forecaster.fit(panel, {}), ConfigError);
  auto renamed = panel;
  renamed.nodes[3].code = "elsewhere";
  EXPECT_THROW(forecaster.predict(renamed, good, 3), DataError);
  auto elsewhere = panel;
  elsewhere.time_zone = "America/New_York";
  EXPECT_THROW(forecaster.predict(elsewhere, good, 3), DataError);
  auto rook = panel;
  rook.graph = data::build_grid(3, 3, false);
  EXPECT_THAT(test::error_of<DataError>([&] { forecaster.predict(rook, good, 3); }),
              testing::HasSubstr("graph: expected the 40 edges of the artifact, found 24"));
  auto masked = panel;
  masked.observed.assign(110 * 9, 1);
  EXPECT_EQ(forecaster.predict(masked, good, 3).mean, forecaster.predict(panel, good, 3).mean);
  masked.observed[7] = 0;
  const auto gap = masked;  // another address: a panel is known by it
  EXPECT_THROW(forecaster.predict(gap, good, 3), DataError);
  models::save_artifact(folder / "artifact", result.artifact, panel);
  std::filesystem::resize_file(folder / "artifact" / "features.json", 50);
  EXPECT_THROW(models::load_artifact(folder / "artifact"), DataError);
}

TEST(ArtifactTables, TheCardNamesTheLastDayThatWasLearntFrom) {
  auto panel = test::small_panel(12);
  panel.axis = BinAxis(BinSpec::parse("week"), panel.axis.start());
  auto artifact = models::describe_panel(small_config(), panel, "a-hash");
  artifact.features.fit_range = {0, 10};
  EXPECT_NE(models::model_card(artifact, panel)
                .find("Learnt from bins 2020-03-15 to 2020-05-23 (America/Los_Angeles)"),
            std::string::npos);
}

TEST(ArtifactTables, NodesAndCategoriesRoundTripWithQuotes) {
  const std::vector<data::Node> nodes = {
      {"a,1", "He said \"no\"\nand left", "", 1.25, -34.5, 1e-7}};
  const auto back = models::parse_nodes(models::nodes_csv(nodes), "here");
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].code, nodes[0].code);
  EXPECT_EQ(back[0].name, nodes[0].name);
  EXPECT_EQ(back[0].longitude, nodes[0].longitude);
  const auto categories =
      models::parse_categories(models::categories_csv({{"x", "X", true}}), "here");
  EXPECT_TRUE(categories.at(0).discovered_by_officer);
  EXPECT_THROW(models::parse_nodes("index,code\n", "here"), DataError);
}

}  // namespace
}  // namespace precinct::train
