// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/spdlog.h>

#include <filesystem>
#include <string>

namespace precinct {

/// Sends log lines to stderr ("12:03:04 info text"; colours only on a terminal without NO_COLOR).
/// Call once in main. Use spdlog::info/warn/error everywhere.
void start_logging(bool verbose);
/// Also appends to a file (runs/<name>/log/rank-<r>.log).
void add_log_file(const std::filesystem::path& path);

}  // namespace precinct
