// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace precinct::apps {

/// What is wrong with a command line, in one line: the verb, what was expected, what was found, and
/// the help to look at.
std::string usage_text(const CLI::App& app, const CLI::ParseError& error);

/// Whether the command line has a word where a verb is expected, which is none: `precinct trian
/// --help`.
bool names_unknown_verb(const CLI::App& app);

/// Throws ConfigError for an argument or an option's value that is '', mostly a variable of a shell
/// that was never set.
void check_no_empty_value(const CLI::App& app);

}  // namespace precinct::apps
