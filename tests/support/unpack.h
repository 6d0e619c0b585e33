// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace precinct::test {

/// Content of a file packed by gzip, xz or zstd (libarchive), for tests of rooms below ingest.
inline std::string read_packed(const std::filesystem::path& path) {
  archive* in = archive_read_new();
  archive_read_support_filter_all(in);
  archive_read_support_format_raw(in);
  archive_entry* entry = nullptr;
  std::string content;
  bool good = archive_read_open_filename(in, path.c_str(), 1 << 16) == ARCHIVE_OK &&
              archive_read_next_header(in, &entry) == ARCHIVE_OK;
  std::array<char, 1 << 16> buffer{};
  for (la_ssize_t count = 1; good && count > 0;) {
    count = archive_read_data(in, buffer.data(), buffer.size());
    good = count >= 0;
    if (good) content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const std::string why = good ? "" : archive_error_string(in);
  archive_read_free(in);
  if (!good) throw std::runtime_error(path.string() + ": " + why);
  return content;
}

}  // namespace precinct::test
