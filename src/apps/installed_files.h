// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace precinct::apps {

/// A folder that comes with precinct: share/precinct/<name> beside an installed bin/, else <name>
/// of the source tree.
std::filesystem::path installed_folder(const std::string& name);

/// The folder that holds plotly/plotly.min.js: share/precinct beside an installed bin/, else
/// $PRECINCT_DEPS, else the dependencies folder of the build. The script need not be there.
std::filesystem::path plotly_home();

/// `words` in one line that a shell reads as they are.
std::string shell_words(const std::vector<std::string>& words);

/// The words this process was started with, quoted for a shell.
std::string command_line();

/// ISO 8601, UTC, seconds.
std::string utc_now();

}  // namespace precinct::apps
