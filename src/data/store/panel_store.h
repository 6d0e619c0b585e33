// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "data/panel.h"

namespace precinct::data {

/// Version of the panel file's layout that this build writes and reads.
inline constexpr const char* kPanelVersion = "1";

/// Writes panel.h5 and panel.h5.sha256, each atomically; equal panels give equal bytes. Throws
/// IoError.
void write_panel(const std::filesystem::path& path, const Panel& panel);

/// Reads a panel; with `verify` its sha256 must agree with the file beside it. Counts are read by
/// `num_threads` threads. Throws IoError (missing), DataError (not a panel, damaged, unknown
/// version).
Panel read_panel(const std::filesystem::path& path, bool verify = true, int num_threads = 2);

/// sha256 of a panel file: the content of panel.h5.sha256, or computed when there is none.
std::string panel_hash(const std::filesystem::path& path);

}  // namespace precinct::data
