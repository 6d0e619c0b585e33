// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace precinct {
namespace {

TEST(Utf8, KnowsWellFormedText) {
  for (const char* text : {"", "plain", "K\xC3\xB6rper", "\xE2\x82\xAC", "\xF0\x9F\x9A\x93",
                           "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(text)) << text;
}

TEST(Utf8, RefusesOtherBytes) {
  for (const char* text : {"K\xF6rper", "\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xC3"})
    EXPECT_FALSE(is_utf8(text)) << text;
  EXPECT_FALSE(is_utf8(std::string("\xC3\0", 2)));
}

}  // namespace
}  // namespace precinct
