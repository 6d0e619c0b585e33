// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "parallel/communicator.h"

namespace precinct::parallel {

/// The texts of a group's ranks, by rank. All ranks call it. Cost: two all_gathers, of 8 bytes and
/// of the longest text.
std::vector<std::string> gather_texts(const std::string& text, Communicator& group);

}  // namespace precinct::parallel
