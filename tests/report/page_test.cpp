// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Style and scripts as text; tests/integration/page_test.py runs them in a browser.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

#include "report/html_page.h"
#include "report/page_script.h"

namespace precinct::report {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PageScript, ReachesForNoNetwork) {
  for (const std::string text : {kPageStyle, kPageScript, kChartScript})
    for (const char* word : {"fetch(", "XMLHttpRequest", "http:", "https:", "import(", "url("})
      EXPECT_THAT(text, Not(HasSubstr(word)));
}

TEST(PageScript, EveryElementItReachesForIsOnThePage) {
  ReportData data;
  data.outlines = {{}};
  const std::string html = html_page(data, ""), scripts = std::string(kPageScript) + kChartScript;
  const std::regex reach("el\\(\"([a-z-]+)\"\\)");
  std::set<std::string> names;
  for (std::sregex_iterator i(scripts.begin(), scripts.end(), reach), end; i != end; ++i)
    names.insert((*i)[1]);
  EXPECT_GT(names.size(), 15U);
  for (const auto& name : names)
    EXPECT_TRUE(std::regex_search(html, std::regex("id=" + name + "[ >]"))) << name;
}

}  // namespace
}  // namespace precinct::report
