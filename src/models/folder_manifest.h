// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace precinct::models {

inline constexpr const char* kManifestName = "MANIFEST.json";

/// Writes MANIFEST.json: {"files": {name: {"size", "sha256"}}} of every regular file in the folder.
/// Written last, so that a folder without it is not complete.
void write_manifest(const std::filesystem::path& folder);

/// Checks size and sha256 of every file that the manifest lists, and that nothing else is there.
/// Throws DataError naming file and what differs (for a cut file the byte offset of its end),
/// IoError when the folder or manifest is missing.
void verify_manifest(const std::filesystem::path& folder);

}  // namespace precinct::models
