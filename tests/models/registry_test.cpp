// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/error.h"
#include "config/networks.h"
#include "tests/fixtures/models/pooled.cpp"  // the network of docs/adding_a_network.md
#include "tests/support/made_batch.h"

namespace precinct::models {
namespace {

using test::MadeSizes;

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(PRECINCT_SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Registry, KnowsTheNetworksByName) {
  EXPECT_EQ(model_names(), (std::vector<std::string>{"crimenet", "dnn", "gat_tcn"}));
  config::ExperimentConfig config;
  config.model.name = "gat_tnc";
  try {
    build_model(config, test::made_context({}));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "model.name: expected one of crimenet, dnn, gat_tcn, found 'gat_tnc'; choose one of them");
  }
}

TEST(Registry, BuildsEachNetworkUnderItsOwnName) {
  const MadeSizes sizes;
  for (const std::string& name : model_names()) {
    const auto model = build_model(test::made_config(name, sizes), test::made_context(sizes));
    EXPECT_EQ(model->name(), name);
  }
}

TEST(Registry, OneListNamesTheNetworks) {
#define PRECINCT_COUNT(name, ...) ++rows;
  std::size_t rows = 0;
  PRECINCT_NETWORKS(PRECINCT_COUNT)
#undef PRECINCT_COUNT
  EXPECT_EQ(rows, model_names().size());
}

TEST(Registry, TheDocumentedNetworkIsTheOneThatIsTested) {
  const std::string doc = text_of("docs/adding_a_network.md");
  const std::string code = text_of("tests/fixtures/models/pooled.cpp");
  ASSERT_FALSE(code.empty());
  EXPECT_NE(doc.find("```cpp\n" + code + "```"), std::string::npos);
}

TEST(Registry, TheDocumentedNetworkKeepsThePromises) {
  MadeSizes sizes;
  sizes.has_mask = true;
  auto config = test::made_config("pooled", sizes);
  config.model.dropout = 0.3;
  const auto batch = test::made_batch(sizes);
  const auto model = make_pooled(config, test::made_context(sizes));
  initialize_by_name(*model, 1);
  model->set_dropout_seed(2);
  // starts at the anchor
  EXPECT_TRUE(torch::equal(model->forward(batch).log_mean, batch.log_anchor));
  test::shake(*model, 3);
  const HeadParams all = model->forward(batch);
  EXPECT_FALSE(torch::allclose(all.log_mean, batch.log_anchor));
  // stages composed, each parameter of one of them, rows alone
  TensorList carried;
  for (const Stage& stage : model->stages()) carried = stage.forward(carried, batch);
  EXPECT_TRUE(torch::equal(model->head(carried, batch).log_mean, all.log_mean));
  for (const auto& item : model->named_parameters()) {
    int owners = item.key().starts_with("head.") ? 1 : 0;
    for (const Stage& stage : model->stages())
      for (const auto& prefix : stage.parameter_prefixes) owners += item.key().starts_with(prefix);
    EXPECT_EQ(owners, 1) << item.key();
  }
  for (std::int64_t row = 0; row < sizes.windows; ++row)
    EXPECT_TRUE(torch::allclose(model->forward(test::batch_rows(batch, row, row + 1)).log_mean,
                                all.log_mean.slice(0, row, row + 1), 1e-5, 1e-5));
}

TEST(Registry, RefusesABatchOfAnotherPanel) {
  MadeSizes sizes;
  auto model = build_model(test::made_config("dnn", sizes), test::made_context(sizes));
  sizes.nodes = 7;
  EXPECT_THROW(model->forward(test::made_batch(sizes)), ShapeError);
}

}  // namespace
}  // namespace precinct::models
