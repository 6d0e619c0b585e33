// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cstring>

namespace precinct {

std::string errno_text(const std::string& path, int error_number) {
  return fmt::format("{}: {}", path, std::strerror(error_number));
}

}  // namespace precinct
