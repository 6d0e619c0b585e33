// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/usage_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/num_typos.h"

namespace precinct::apps {
namespace {

/// "config is required" -> "config".
std::string required_name(const std::string& text) {
  const auto at = text.find(" is required");
  return at == std::string::npos ? text : text.substr(0, at);
}

/// " (did you mean 'train'?)" for the verb or option that has at most two typos or begins like the
/// word; nothing when none does.
std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  if (word.size() < 3 || word.size() > 20 || known.empty()) return "";
  const auto typos = [&](const std::string& other) {
    return other.starts_with(word) ? std::size_t{1} : num_typos(word, other);
  };
  const auto best = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return typos(a) < typos(b);
  });
  return typos(*best) <= 2 ? fmt::format(" (did you mean '{}'?)", *best) : "";
}

/// The options of a verb by their long names, "--epochs".
std::vector<std::string> options_of(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
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
    const auto dash = std::find_if(left.begin(), left.end(),
                                   [](const auto& word) { return word.starts_with('-'); });
    found = dash == left.end() ? fmt::format("'{}'", fmt::join(left, " "))
                               : fmt::format("'{}'{}", *dash, suggestion(*dash, options_of(*verb)));
  }
  return fmt::format("{}: expected {}, found {}; see '{} --help'", where.empty() ? "verb" : where,
                     expected, found, words);
}

}  // namespace precinct::apps
