// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "metrics/evaluation.h"
#include "tests/support/made_forecast.h"
#include "tests/support/small_panel.h"

namespace precinct::metrics {
namespace {

using models::Family;
using ::testing::HasSubstr;
using ::testing::Not;

/// Two networks that were picked by a score and three baselines; one district code needs quotes.
Evaluation small_evaluation() {
  data::Panel panel = test::small_panel(160);
  panel.nodes[1].code = "d,\"1\"";
  const data::BinRange range{120, 150};
  const auto origins = evaluation_origins(range, 2, 1, 0);
  const auto forecast = [&](Family family, double noise) {
    return test::made_forecast(panel, origins, 2, family, noise);
  };
  config::EvaluateConfig config;
  config.reference = "gamma_poisson";
  config.bootstrap_replicates = 100;
  return evaluate(
      panel, range, "test", {0, 100},
      {{"dnn", false, forecast(Family::kNegativeBinomial2, .3), Choice{"val/NLL", .61, 3}},
       {"crimenet", false, forecast(Family::kPoisson, .2), Choice{"val/NLL", .60, 5}},
       {"last_value", true, forecast(Family::kPoint, 1)},
       {"gamma_poisson", true, forecast(Family::kPoisson, .4)},
       {"ewma", true, forecast(Family::kPoisson, .0)},
       {"other", true, forecast(Family::kPoisson, .9)}},
      config);
}

/// Splits a line of RFC 4180.
std::vector<std::string> csv_fields(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

TEST(EvaluationOutput, JsonHoldsEveryPart) {
  const Evaluation e = small_evaluation();
  const nlohmann::json json = nlohmann::json::parse(e.to_json().dump());
  EXPECT_EQ(json["range"], (nlohmann::json{{"begin", 120}, {"end", 150}, {"name", "test"}}));
  EXPECT_EQ(json["num_cells"], 30 * 2 * 9 * 2);
  EXPECT_EQ(json["reference"], "gamma_poisson");
  EXPECT_EQ(json["bootstrap"]["block"], 7);
  EXPECT_EQ(json["picked"], "crimenet");
  ASSERT_EQ(json["forecasters"].size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& ours = json["forecasters"][i];
    const auto& f = e.forecasters[i];
    EXPECT_EQ(ours["name"], f.name);
    EXPECT_EQ(ours["total"].get<Figures>(), f.total);
    EXPECT_EQ(ours["masked"].get<Figures>(), f.masked);
    EXPECT_EQ(ours["per_horizon"].size(), 2U);
    EXPECT_EQ(ours["per_category"]["c1"].get<Figures>(), f.per_category[1]);
    EXPECT_EQ(ours["per_district"]["d,\"1\""].get<Figures>(), f.per_district[1]);
    EXPECT_EQ(ours["pit"].size(), 10U);
    EXPECT_EQ(ours["skill"]["value"], f.skill.value);
    EXPECT_EQ(ours["verdict"], f.verdict);
    EXPECT_EQ(ours.contains("choice"), !f.is_baseline);
  }
  EXPECT_EQ(json.dump().find("null"), std::string::npos);
}

TEST(EvaluationOutput, ChoiceReadsBack) {
  const auto choice = choice_in(small_evaluation().to_json());
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->metric, "val/NLL");
  EXPECT_EQ(choice->value, .61);
  EXPECT_EQ(choice->epoch, 3);
  EXPECT_FALSE(choice_in(nlohmann::json::object()));
  EXPECT_FALSE(choice_in(nlohmann::json()));
}

TEST(EvaluationOutput, CsvHasARowForEveryFigure) {
  const Evaluation e = small_evaluation();
  std::istringstream csv(e.to_csv());
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "forecaster,part,key,figure,value");
  std::size_t rows = 0, expected = 0;
  bool seen_district = false, seen_skill = false;
  while (std::getline(csv, line)) {
    ++rows;
    const auto fields = csv_fields(line);
    ASSERT_EQ(fields.size(), 5U) << line;
    if (fields[0] == "dnn" && fields[1] == "district" && fields[2] == "d,\"1\"" &&
        fields[3] == "MAE") {
      seen_district = true;
      EXPECT_NEAR(std::stod(fields[4]), e.get("dnn").per_district[1].at("MAE"), 1e-9);
    }
    if (fields[0] == "last_value" && fields[1] == "skill" && fields[3] == "low") {
      seen_skill = true;
      EXPECT_EQ(fields[2], "MSE");
      EXPECT_NEAR(std::stod(fields[4]), e.get("last_value").skill.low, 1e-9);
    }
  }
  for (const auto& f : e.forecasters) {
    expected += f.total.size() + f.masked.size() + (f.name == "gamma_poisson" ? 0 : 3);
    for (const auto* parts : {&f.per_horizon, &f.per_category, &f.per_district})
      for (const auto& part : *parts) expected += part.size();
  }
  EXPECT_EQ(rows, expected);
  EXPECT_TRUE(seen_district);
  EXPECT_TRUE(seen_skill);
}

TEST(EvaluationOutput, TextShowsModelsThenTheFirstTheBestAndTheReferenceBaseline) {
  const Evaluation e = small_evaluation();
  const std::string text = e.to_text(false);
  for (const char* name :
       {"dnn", "crimenet", "last_value *", "gamma_poisson *", "ewma *", "1080 cells", "unmasked",
        "skill against gamma_poisson", "the reference",
        "picked before the test range was seen: crimenet (val/NLL 0.60000 at epoch 5)"})
    EXPECT_THAT(text, HasSubstr(name));
  EXPECT_THAT(text, Not(HasSubstr("other *")));
  EXPECT_LT(text.find("crimenet"), text.find("last_value"));
  EXPECT_THAT(e.to_text(true), HasSubstr("other *"));
  EXPECT_THAT(text, HasSubstr("(by MSE)"));
  EXPECT_THAT(text, HasSubstr(fmt::format("{:.5f}", e.get("dnn").total.at("NLL"))));
}

TEST(EvaluationOutput, ASquaredErrorIsNotPickedBeforeALikelihood) {
  Evaluation e = small_evaluation();
  ASSERT_NE(e.picked(), nullptr);
  e.forecasters[0].family = "point";
  e.forecasters[0].choice->value = 0.01;
  EXPECT_EQ(e.picked(), nullptr);
  EXPECT_NE(e.to_text(true).find("\npicked: none, since"), std::string::npos);
  EXPECT_FALSE(e.to_json().contains("picked") && e.to_json()["picked"].is_string());
  e.forecasters[1].family = "point";
  EXPECT_EQ(e.picked()->name, "dnn");
}

}  // namespace
}  // namespace precinct::metrics
