// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace precinct::report {

/// A line of block characters (U+2581..U+2588) for a terminal: at most `columns` of them, each the
/// mean of the values it stands for; the lowest and the highest mean get the lowest and the highest
/// block. `from_zero` puts the lowest block at 0, as counts want it. A blank stands for no finite
/// value. UTF-8.
std::string sparkline(std::span<const double> values, std::size_t columns = 60,
                      bool from_zero = false);

}  // namespace precinct::report
