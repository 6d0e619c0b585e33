// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/output_file.h"

#include "base/made_folders.h"

namespace precinct::apps {

void write_output(const std::filesystem::path& path, const std::function<void()>& write) {
  const MadeFolders folders(path.parent_path());
  try {
    write();
  } catch (...) {
    folders.remove_empty();
    throw;
  }
}

}  // namespace precinct::apps
