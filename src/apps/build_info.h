// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace precinct::apps {

/// Release and commit that the program was built from, e.g. "0.1.0 (687ae81e0f-dirty)": -dirty
/// when tracked files differed from the commit, "unknown" where the sources are no git checkout.
std::string build_version();

}  // namespace precinct::apps
