// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/usage_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace precinct::apps {
namespace {

/// "config is required" -> "config".
std::string required_name(const std::string& text) {
  const auto at = text.find(" is required");
  return at == std::string::npos ? text : text.substr(0, at);
}

/// Letters to add, drop, replace or swap with their neighbour to make one word of the other.
std::size_t num_typos(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

/// " (did you mean 'train'?)" for the verb that has at most two typos or begins like the word;
/// nothing when none does.
std::string suggestion(const std::string& word, const std::vector<std::string>& verbs) {
  if (word.size() < 3 || word.size() > 20) return "";
  const auto typos = [&](const std::string& verb) {
    return verb.starts_with(word) ? std::size_t{1} : num_typos(word, verb);
  };
  const auto best = std::min_element(verbs.begin(), verbs.end(), [&](const auto& a, const auto& b) {
    return typos(a) < typos(b);
  });
  return typos(*best) <= 2 ? fmt::format(" (did you mean '{}'?)", *best) : "";
}

}  // namespace

std::string usage_text(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* verb = &app;
  std::string words = "precinct", where;
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = verb->get_subcommands()) {
    verb = chosen.front();
    words += " " + verb->get_name();
    where += (where.empty() ? "" : " ") + verb->get_name();
  }
  const auto left = app.remaining(/*recurse=*/true);
  std::vector<std::string> verbs;
  for (const auto* below : verb->get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(below->get_name());
  std::string expected = "what its help lists", found = error.what();
  if (!verbs.empty()) {
    expected = fmt::format("one of {}", fmt::join(verbs, ", "));
    found = left.empty() ? "none"
                         : fmt::format("'{}'{}", left.front(), suggestion(left.front(), verbs));
  } else if (error.get_name() == "RequiredError") {
    expected = required_name(found);
    found = "none";
  } else if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    found = fmt::format("'{}'", fmt::join(left, " "));
  }
  return fmt::format("{}: expected {}, found {}; see '{} --help'", where.empty() ? "verb" : where,
                     expected, found, words);
}

}  // namespace precinct::apps
