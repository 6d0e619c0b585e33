// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/usage_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
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

/// What is between two texts of `whole`; nothing when one of them is missing.
std::optional<std::string> between(const std::string& whole, const std::string& before,
                                   const std::string& after) {
  const auto begin = whole.find(before);
  if (begin == std::string::npos) return std::nullopt;
  const auto from = begin + before.size();
  const auto end = after.empty() ? whole.size() : whole.find(after, from);
  if (end == std::string::npos) return std::nullopt;
  return whole.substr(from, end - from);
}

/// A problem with one option: "--nodes: expected 1 to 100, found '0'".
struct OptionProblem {
  std::string option, expected, found;
};

/// CLI11's own sentences about the value of an option, in our form.
std::optional<OptionProblem> option_problem(const std::string& text) {
  if (const auto option = between(text, "Could not convert: ", " = "))
    return OptionProblem{*option, "a number",
                         fmt::format("'{}'", between(text, " = ", "").value_or(""))};
  if (const auto other = between(text, " excludes ", ""))
    return OptionProblem{text.substr(0, text.find(' ')), fmt::format("no {} beside it", *other),
                         "both"};
  const std::string option = text.substr(0, text.find(": "));
  if (const auto value = between(text, ": Value ", " not in range "))
    return OptionProblem{option, between(text, " not in range ", "").value_or(""),
                         fmt::format("'{}'", *value)};
  if (const auto value = between(text, ": ", " not in {"))
    return OptionProblem{option,
                         fmt::format("one of {}", between(text, " not in {", "}").value_or("")),
                         fmt::format("'{}'", *value)};
  if (const auto times = between(text, " required but received ", ""))
    return OptionProblem{option, "it once", *times + " of it"};
  if (between(text, " required ", " missing")) return OptionProblem{option, "a value", "none"};
  return std::nullopt;
}

/// The verb that was given, and its words: "precinct bench scaling".
std::pair<const CLI::App*, std::string> chosen_verb(const CLI::App& app) {
  const CLI::App* verb = &app;
  std::string words = "precinct";
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = verb->get_subcommands()) {
    verb = chosen.front();
    words += " " + verb->get_name();
  }
  return {verb, words};
}

}  // namespace

void check_no_empty_value(const CLI::App& app) {
  const auto [verb, words] = chosen_verb(app);
  for (const CLI::Option* option : verb->get_options()) {
    if (verb->get_name() == "launch" && option->get_positional()) continue;  // another program's
    for (const std::string& value : option->results())
      PRECINCT_CHECK(!value.empty(), ConfigError, "{}: expected a value, found ''; see '{} --help'",
                     option->get_name(), words);
  }
}

bool names_unknown_verb(const CLI::App& app) {
  const CLI::App* verb = chosen_verb(app).first;
  if (verb->get_subcommands([](const CLI::App*) { return true; }).empty()) return false;
  const auto left = app.remaining(/*recurse=*/true);
  return std::any_of(left.begin(), left.end(),
                     [](const std::string& word) { return !word.starts_with('-'); });
}

std::string usage_text(const CLI::App& app, const CLI::ParseError& error) {
  const auto [verb, words] = chosen_verb(app);
  std::string where = words.substr(std::min(words.size(), std::string("precinct ").size()));
  const auto left = app.remaining(/*recurse=*/true);
  std::vector<std::string> verbs;
  for (const auto* below : verb->get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(below->get_name());
  const auto dash = std::find_if(left.begin(), left.end(), [](const auto& word) {
    return word.starts_with('-') && word != "--";
  });
  std::string expected = "what its help lists", found = error.what();
  if (!verbs.empty()) {
    expected = fmt::format("one of {}", fmt::join(verbs, ", "));
    found = left.empty() ? "none"
                         : fmt::format("'{}'{}", left.front(), suggestion(left.front(), verbs));
  } else if (dash != left.end()) {
    found = fmt::format("'{}'{}", *dash, suggestion(*dash, options_of(*verb)));
  } else if (error.get_name() == "RequiredError") {
    expected = required_name(found);
    found = "none";
  } else if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    found = fmt::format("'{}'", fmt::join(left, " "));
  } else if (const auto problem = option_problem(found)) {
    where += (where.empty() ? "" : ": ") + problem->option;
    expected = problem->expected;
    found = problem->found;
  }
  return fmt::format("{}: expected {}, found {}; see '{} --help'", where.empty() ? "verb" : where,
                     expected, found, words);
}

}  // namespace precinct::apps
