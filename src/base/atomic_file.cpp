// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "base/error.h"

namespace precinct {
namespace {

std::filesystem::path temporary_name(const std::filesystem::path& target) {
  static std::atomic<int> counter{0};
  return target.parent_path() /
         fmt::format(".{}.part-{}-{}", target.filename().string(), ::getpid(), counter++);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
}

[[noreturn]] void fail(const std::filesystem::path& path, int error_number,
                       std::uintmax_t bytes_needed) {
  const bool bad_place = error_number == ENOENT || error_number == ENOTDIR ||
                         error_number == EISDIR || error_number == EACCES ||
                         error_number == EPERM || error_number == EROFS;
  PRECINCT_CHECK(!bad_place, IoError,
                 "{}; expected a place that can be written; nothing was changed, check path and "
                 "rights",
                 errno_text(path.string(), error_number));
  struct statvfs info {};
  std::uintmax_t free_bytes = 0;
  if (::statvfs(folder_of(path).c_str(), &info) == 0)
    free_bytes = std::uintmax_t{info.f_bavail} * info.f_frsize;
  throw IoError(
      fmt::format("{}; expected to write {} bytes, found {} free; nothing was changed, make room "
                  "or choose another folder",
                  errno_text(path.string(), error_number), bytes_needed, free_bytes));
}

/// Removes a temporary when leaving by an exception.
class Remover {
 public:
  explicit Remover(std::filesystem::path path) : path_(std::move(path)) {}
  ~Remover() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  void release() { path_.clear(); }

 private:
  std::filesystem::path path_;
};

void rename_and_sync(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, errno, 0);
  sync_path(folder_of(to));
}

}  // namespace

void sync_path(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path, errno, 0);
  const int result = ::fsync(file);
  const int error_number = errno;
  ::close(file);
  if (result != 0 && error_number != EINVAL) fail(path, error_number, 0);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) fail(path, errno, content.size());
    std::size_t done = 0;
    while (done < content.size()) {
      const ssize_t count = ::write(file, content.data() + done, content.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        const int error_number = count == 0 ? ENOSPC : errno;
        ::close(file);
        fail(path, error_number, content.size());
      }
      done += static_cast<std::size_t>(count);
    }
    if (::close(file) != 0) fail(path, errno, content.size());
  });
}

void write_file_atomically(
    const std::filesystem::path& path,
    const std::function<void(const std::filesystem::path& temporary)>& writer) {
  const auto temporary = temporary_name(path);
  Remover remover(temporary);
  writer(temporary);
  sync_path(temporary);
  rename_and_sync(temporary, path);
  remover.release();
}

AtomicFolder::AtomicFolder(std::filesystem::path target)
    : target_(std::move(target)), temporary_(temporary_name(target_)) {
  std::error_code error;
  std::filesystem::create_directories(temporary_, error);
  if (error) fail(temporary_, error.value(), 0);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!committed_) std::filesystem::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temporary_))
    sync_path(entry.path());
  sync_path(temporary_);
  rename_and_sync(temporary_, target_);
  committed_ = true;
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  std::ifstream file(path, std::ios::binary);
  PRECINCT_CHECK(file && !folder, IoError, "{}; expected a readable file; check the path",
                 errno_text(path.string(), folder ? EISDIR : errno));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace precinct
