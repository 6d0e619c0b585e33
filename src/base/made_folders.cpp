// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/made_folders.h"

#include "base/error.h"

namespace precinct {
namespace fs = std::filesystem;

fs::path absolute_folder(const fs::path& path) {
  const fs::path folder = fs::absolute(path.empty() ? fs::path(".") : path).lexically_normal();
  return folder.has_filename() ? folder : folder.parent_path();  // no '/' at its end
}

MadeFolders::MadeFolders(const fs::path& folder) : folder_(absolute_folder(folder)) {
  std::error_code error;
  for (fs::path at = folder_; !fs::exists(at, error) && at.has_relative_path();
       at = at.parent_path())
    topmost_ = at;
  fs::create_directories(folder_, error);
  if (!error) return;
  remove_empty();
  throw IoError(fmt::format("{}; expected a folder that can be made; check path and rights",
                            errno_text(folder_.string(), error.value())));
}

void MadeFolders::remove_empty() const {
  if (topmost_.empty()) return;
  std::error_code error;
  for (fs::path at = folder_;; at = at.parent_path()) {
    if (fs::is_empty(at, error)) fs::remove(at, error);
    if (at == topmost_) return;
  }
}

}  // namespace precinct
