// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/config_files.h"

#include <filesystem>

#include "base/error.h"
#include "data/store/file_kind.h"

namespace precinct::apps {

void require_text_configs(const CLI::App& app) {
  for (const auto* verb : app.get_subcommands()) {
    require_text_configs(*verb);
    const auto* option = verb->get_option_no_throw("config");
    if (option == nullptr) continue;
    for (const std::string& file : option->results()) {
      if (!std::filesystem::is_regular_file(file)) continue;  // the reader says what is missing
      const auto kind = data::file_kind(file);
      PRECINCT_CHECK(kind == data::FileKind::kCsv || kind == data::FileKind::kText ||
                         kind == data::FileKind::kJson || kind == data::FileKind::kEmpty,
                     ConfigError,
                     "{}: expected a configuration, text in YAML, found {}; name a file such as "
                     "configs/west_la/dnn.yaml",
                     file, data::words(kind));
    }
  }
}

}  // namespace precinct::apps
