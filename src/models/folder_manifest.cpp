// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/folder_manifest.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"

namespace precinct::models {
namespace fs = std::filesystem;

void write_manifest(const fs::path& folder) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == kManifestName) continue;
    files[name] = {{"size", entry.file_size()}, {"sha256", sha256_file(entry.path())}};
  }
  write_file_atomically(folder / kManifestName, nlohmann::json({{"files", files}}).dump(2) + "\n");
}

namespace {

void verify_file(const fs::path& path, const nlohmann::json& expected) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  PRECINCT_CHECK(!error, DataError,
                 "{}: expected the file that MANIFEST.json lists, found none; use another copy",
                 path.string());
  const auto expected_size = expected.at("size").get<std::uintmax_t>();
  PRECINCT_CHECK(size == expected_size, DataError,
                 "{}: byte {}: expected a file of {} bytes, found {}; use another copy",
                 path.string(), std::min(size, expected_size), expected_size, size);
  const auto hash = sha256_file(path), expected_hash = expected.at("sha256").get<std::string>();
  PRECINCT_CHECK(
      hash == expected_hash, DataError,
      "{}: bytes 0..{}: expected sha256 {}, found {}; the content has changed, use another copy",
      path.string(), size, expected_hash, hash);
}

}  // namespace

void verify_manifest(const fs::path& folder) {
  const std::string text = read_file(folder / kManifestName);
  const auto manifest = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    // the canonical form: a flipped bit in white space is noticed as well
    PRECINCT_CHECK(
        manifest.is_object() && manifest.dump(2) + "\n" == text, DataError,
        "{}: byte 0: expected the JSON that was written, found other text; use another copy",
        (folder / kManifestName).string());
    const auto& files = manifest.at("files");
    for (const auto& [name, expected] : files.items()) verify_file(folder / name, expected);
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      PRECINCT_CHECK(
          name == kManifestName || files.contains(name), DataError,
          "{}: expected only files that MANIFEST.json lists, found this one; use another copy",
          entry.path().string());
    }
  } catch (const nlohmann::json::exception& error) {
    throw DataError(
        fmt::format("{}: expected files with size and sha256, found {}; use another copy",
                    (folder / kManifestName).string(), error.what()));
  }
}

}  // namespace precinct::models
