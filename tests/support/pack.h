// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace precinct::test {

/// Writes `content` packed by "gzip", "xz" or "zstd" (libarchive).
inline void write_packed(const std::filesystem::path& path, const std::string& content,
                         const std::string& packer) {
  archive* out = archive_write_new();
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_pathname(entry, "data");
  const bool good = archive_write_add_filter_by_name(out, packer.c_str()) == ARCHIVE_OK &&
                    archive_write_set_format_raw(out) == ARCHIVE_OK &&
                    archive_write_open_filename(out, path.c_str()) == ARCHIVE_OK &&
                    archive_write_header(out, entry) == ARCHIVE_OK &&
                    archive_write_data(out, content.data(), content.size()) ==
                        static_cast<la_ssize_t>(content.size()) &&
                    archive_write_close(out) == ARCHIVE_OK;
  const std::string why = good ? "" : archive_error_string(out);
  archive_entry_free(entry);
  archive_write_free(out);
  if (!good) throw std::runtime_error(packer + ": " + why);
}

}  // namespace precinct::test
