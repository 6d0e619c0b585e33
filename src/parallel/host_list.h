// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace precinct::parallel {

/// Slurm's compressed host list as names: "gpu[01-03,7],login" -> gpu01 gpu02 gpu03 gpu7 login.
/// Zero padding is kept, several brackets in a name multiply, order is kept. `where` names the
/// variable in errors. Throws ConfigError for unbalanced brackets, ranges that run backwards and
/// more than 100,000 hosts.
std::vector<std::string> expand_host_list(std::string_view text, std::string_view where);

/// Slurm's counts per node: "2(x3),1" -> 2 2 2 1. Throws ConfigError as above.
std::vector<std::int64_t> expand_counts(std::string_view text, std::string_view where);

}  // namespace precinct::parallel
