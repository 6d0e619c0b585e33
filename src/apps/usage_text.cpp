// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/usage_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace precinct::apps {
namespace {

/// "config is required" -> "config".
std::string required_name(const std::string& text) {
  const auto at = text.find(" is required");
  return at == std::string::npos ? text : text.substr(0, at);
}

}  // namespace

std::string usage_text(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* verb = &app;
  std::string words = "precinct";
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = verb->get_subcommands()) {
    verb = chosen.front();
    words += " " + verb->get_name();
  }
  const auto left = app.remaining(/*recurse=*/true);
  std::vector<std::string> verbs;
  for (const auto* below : verb->get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(below->get_name());
  std::string expected = "what its help lists", found = error.what();
  if (!verbs.empty()) {
    expected = fmt::format("one of {}", fmt::join(verbs, ", "));
    found = left.empty() ? "none" : "'" + left.front() + "'";
  } else if (error.get_name() == "RequiredError") {
    expected = required_name(found);
    found = "none";
  } else if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    found = fmt::format("'{}'", fmt::join(left, " "));
  }
  return fmt::format("{}: expected {}, found {}; see '{} --help'", words, expected, found, words);
}

}  // namespace precinct::apps
