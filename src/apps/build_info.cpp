// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/build_info.h"

#include "git_commit.h"  // written by cmake/git_commit.cmake at each build

namespace precinct::apps {

std::string build_version() { return PRECINCT_VERSION " (" PRECINCT_GIT_COMMIT ")"; }

}  // namespace precinct::apps
