// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace precinct::apps {

/// Looks at the configurations that the chosen verb was given, before it reads them: throws
/// ConfigError naming the first that is no text (a panel, a program, a compressed file).
void require_text_configs(const CLI::App& app);

}  // namespace precinct::apps
