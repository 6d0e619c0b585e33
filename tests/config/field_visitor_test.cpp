// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/field_visitor.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/other_values.h"

namespace precinct::config {
namespace {

TEST(FieldVisitor, EveryKeyIsVisitedOnceWithAMeaning) {
  std::set<std::string> keys;
  for (const auto& [info, value] : test::other_values()) {
    EXPECT_TRUE(keys.insert(info.key).second) << info.key;
    EXPECT_FALSE(info.text.empty()) << info.key;
    EXPECT_EQ(info.text.find('|'), std::string::npos) << info.key << ": breaks the table";
  }
  EXPECT_GT(keys.size(), 80U);
}

// Each section of contracts.md section 2 that has code.
TEST(FieldVisitor, AllSectionsAreThere) {
  std::set<std::string> sections;
  for (const auto& [info, value] : test::other_values())
    sections.insert(info.key.substr(0, info.key.find('.')));
  EXPECT_EQ(sections, (std::set<std::string>{"run", "input", "evaluate", "data", "model", "head",
                                             "train", "parallel", "log"}));
}

// A field that two keys share, or a key that sets nothing, would fail here.
TEST(FieldVisitor, EachKeySetsItsOwnField) {
  for (const auto& [info, value] : test::other_values()) {
    ExperimentConfig config;
    test::set_field(config, info.key, value);
    const std::string before = to_yaml({}), after = to_yaml(config);
    std::size_t changed = 0;
    for (std::size_t a = 0, b = 0; a < before.size() && b < after.size(); ++changed) {
      const std::size_t end_a = before.find('\n', a), end_b = after.find('\n', b);
      if (before.substr(a, end_a - a) == after.substr(b, end_b - b)) --changed;
      a = end_a + 1;
      b = end_b + 1;
    }
    EXPECT_EQ(changed, 1U) << info.key;
  }
}

}  // namespace
}  // namespace precinct::config
