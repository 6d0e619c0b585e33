// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// How far two words are apart, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace precinct {

/// Letters to add, drop, replace or swap with their neighbour to make one word of the other (the
/// optimal string alignment distance: Damerau's edits, no part changed twice).
std::size_t num_typos(std::string_view a, std::string_view b);

}  // namespace precinct
