// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace precinct::data {

enum class FileKind { kHdf5, kEmpty, kCompressed, kCsv, kJson, kText, kOther };

/// What a file is by its first 4096 bytes, whatever its name says. Text has no control characters
/// but tabs and line ends; it is JSON when it begins with a brace or
/// bracket, a CSV when it is named so or its first line has a comma. A file
/// that cannot be read is kEmpty.
FileKind file_kind(const std::filesystem::path& path);

/// For a message: "an HDF5 file", "a CSV file", ...
std::string words(FileKind kind);

}  // namespace precinct::data
