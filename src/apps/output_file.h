// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

namespace precinct::apps {

/// Calls `write` once the folder of `path` is there; folders that were made for it go again when
/// `write` throws.
void write_output(const std::filesystem::path& path, const std::function<void()>& write);

}  // namespace precinct::apps
