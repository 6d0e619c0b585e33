// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/compressed_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace precinct::data {

struct CompressedFile::State {
  archive* handle = archive_read_new();
  std::string name;
  bool ended = false;
  ~State() { archive_read_free(handle); }
};

CompressedFile::CompressedFile(const std::filesystem::path& path)
    : state_(std::make_unique<State>()) {
  state_->name = path.string();
  std::error_code error;
  PRECINCT_CHECK(
      std::filesystem::is_regular_file(path, error), IoError,
      "{}; expected a readable file; check the path",
      errno_text(path.string(),
                 error ? error.value() : (std::filesystem::exists(path) ? EISDIR : ENOENT)));
  PRECINCT_CHECK(::access(path.c_str(), R_OK) == 0, IoError,
                 "{}; expected a readable file; check its permissions",
                 errno_text(path.string(), errno));
  archive_read_support_filter_all(state_->handle);
  archive_read_support_format_raw(state_->handle);
  archive_read_support_format_empty(state_->handle);
  PRECINCT_CHECK(archive_read_open_filename(state_->handle, path.c_str(), 1 << 18) == ARCHIVE_OK,
                 DataError,
                 "{}: expected a plain, gz, xz or zst file, found: {}; the file is cut short or "
                 "damaged, fetch it again",
                 path.string(), archive_error_string(state_->handle));
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(state_->handle, &entry);
  PRECINCT_CHECK(result == ARCHIVE_OK || result == ARCHIVE_EOF, DataError,
                 "{}: expected a plain, gz, xz or zst file, found: {}; pack it again",
                 path.string(), archive_error_string(state_->handle));
  state_->ended = result == ARCHIVE_EOF;
}

CompressedFile::~CompressedFile() = default;
CompressedFile::CompressedFile(CompressedFile&&) noexcept = default;

std::size_t CompressedFile::read(std::span<char> out) {
  std::size_t done = 0;
  while (!state_->ended && done < out.size()) {
    const la_ssize_t count =
        archive_read_data(state_->handle, out.data() + done, out.size() - done);
    PRECINCT_CHECK(count >= 0, DataError,
                   "{}: after {} stored bytes: expected more data, found: {}; the file is cut "
                   "short or damaged, fetch it again",
                   state_->name, stored_bytes_read(), archive_error_string(state_->handle));
    if (count == 0) state_->ended = true;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

std::uint64_t CompressedFile::stored_bytes_read() const {
  return static_cast<std::uint64_t>(archive_filter_bytes(state_->handle, -1));
}

std::string read_compressed_file(const std::filesystem::path& path, std::uint64_t limit) {
  CompressedFile file(path);
  std::string content;
  std::string block(1 << 18, 0);
  while (const std::size_t count = file.read(block)) {
    PRECINCT_CHECK(
        content.size() + count <= limit, DataError,
        "{}: expected at most {} bytes after unpacking, found more; is this the right file?",
        path.string(), limit);
    content.append(block, 0, count);
  }
  return content;
}

}  // namespace precinct::data
