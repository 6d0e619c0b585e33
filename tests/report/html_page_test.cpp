// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <regex>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/made_evaluation.h"
#include "tests/support/temporary_folder.h"

namespace precinct::report {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Two districts, one category, two bins; names that would break out of HTML and of a script.
ReportData small_data() {
  ReportData data;
  data.title = "A & B <i>";
  data.lead = "lead";
  data.verdict = "no better than gamma_poisson";
  data.weights = "evaluated weights";
  data.generated = "made today";
  data.districts = {"1", "2"};
  data.district_names = {"</script><script>alert(1)", "two"};
  data.categories = {"<all>"};
  data.outlines = {{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}}, {{{1, 0}, {2, 0}, {2, 1}, {1, 0}}}};
  data.coming_bins = {"Sat", "Sun"};
  data.past_blocks = {"before"};
  data.past = {3, std::numeric_limits<double>::quiet_NaN()};
  ModelSeries m;
  m.name = "gamma_poisson";
  m.mean = {.12345F, .2F, .3F, .4F};
  m.low = m.high = std::vector<float>(8, 1);
  m.sum_low = m.sum_high = std::vector<float>(6, 2);
  data.models = {m};
  data.evaluation = test::made_evaluation({{"gamma_poisson", true, .3}});
  data.panel_facts = {{"time", "two bins"}};
  data.provenance = {{"panel", "panel.h5"}};
  return data;
}

nlohmann::json data_of(const std::string& html) {
  const auto begin = html.find("var report=") + 11, end = html.find(";</script>", begin);
  return nlohmann::json::parse(html.substr(begin, end - begin));
}

TEST(HtmlPage, ForbidsEveryLoadAndNamesNoAddress) {
  const std::string html = html_page(small_data(), "/*plotly*/");
  EXPECT_THAT(html, HasSubstr("Content-Security-Policy content=\"default-src 'none'; script-src "
                              "'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\""));
  EXPECT_THAT(html, HasSubstr("<link rel=icon href=\"data:,\">"));
  EXPECT_FALSE(std::regex_search(html, std::regex("(src|href)=[\"']?(https?:)?//|@import|url\\(")));
  EXPECT_THAT(html, HasSubstr("<script>/*plotly*/</script>"));
}

TEST(HtmlPage, TextsCannotBreakOutOfTheirPlace) {
  const std::string html = html_page(small_data(), "");
  EXPECT_THAT(html, HasSubstr("<title>A &amp; B &lt;i&gt;</title>"));
  EXPECT_THAT(html, Not(HasSubstr("</script><script>alert")));
  EXPECT_EQ(data_of(html)["names"][0], "</script><script>alert(1)");
  EXPECT_EQ(data_of(html)["categories"][0], "<all>");
}

TEST(HtmlPage, FiguresAreRoundedAndWhatWasNotObservedIsNull) {
  auto data = small_data();
  data.test_actual = {7, std::numeric_limits<double>::quiet_NaN()};
  const auto json = data_of(html_page(data, ""));
  EXPECT_EQ(json["testActual"][0], 7);
  EXPECT_TRUE(json["testActual"][1].is_null());
  EXPECT_EQ(json["models"][0]["mean"][0], .1235);
  EXPECT_EQ(json["models"][0]["low"][0], 1);
  EXPECT_EQ(json["past"][0], 3);
  EXPECT_TRUE(json["past"][1].is_null());
}

TEST(HtmlPage, SaysWhatAReaderMustKnow) {
  const std::string html = html_page(small_data(), "");
  for (const char* text :
       {"no better than gamma_poisson", "evaluated weights", "Places, not persons",
        "Recorded incidents are not all incidents", "how records are kept", "Data quality",
        "not known", "metric table", "independent"})
    EXPECT_THAT(html, HasSubstr(text)) << text;
  EXPECT_THAT(html, HasSubstr("class='note warn' id=verdict"));
  auto better = small_data();
  better.is_better = true;
  EXPECT_THAT(html_page(better, ""), HasSubstr("class='note good' id=verdict"));
}

TEST(HtmlPage, WithoutPolygonsThereIsNoMapAndThePageSaysSo) {
  auto data = small_data();
  EXPECT_THAT(html_page(data, ""), HasSubstr("<div id=map "));
  data.outlines.clear();
  EXPECT_THAT(html_page(data, ""), HasSubstr("no polygons, so there is no map"));
  EXPECT_THAT(html_page(data, ""), Not(HasSubstr("<div id=map ")));
}

TEST(HtmlPage, OpensWithTheChosenModel) {
  auto data = small_data();
  data.models.push_back(data.models[0]);
  data.models[1].name = "other";
  data.shown_first = "other";
  EXPECT_EQ(data_of(html_page(data, ""))["first"], 1);
}

TEST(LoadPlotly, ReadsTheScriptOrSaysHowToGetIt) {
  const test::TemporaryFolder folder;
  try {
    load_plotly(folder.path());
    FAIL() << "expected an IoError";
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(), HasSubstr("run scripts/setup"));
  }
  std::filesystem::create_directory(folder / "plotly");
  write_file_atomically(folder / "plotly/plotly.min.js", std::string("var Plotly;"));
  EXPECT_EQ(load_plotly(folder.path()), "var Plotly;");
}

}  // namespace
}  // namespace precinct::report
