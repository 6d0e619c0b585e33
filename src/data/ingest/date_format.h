// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/civil_time.h"

namespace precinct::data {

/// Parses `text` by the first format that fits. %Y year, %m month, %d day, %H hour 0-23, %I hour
/// 1-12, %M minute, %S second, %f fraction, %p AM|PM; numbers may lack leading zeros; other
/// characters stand for themselves. Nothing when no format fits or the date does not exist.
std::optional<CivilTime> parse_by_formats(std::string_view text,
                                          std::span<const std::string> formats);

/// Minutes since midnight of an HHMM integer that may have lost its zeros ("100", "30", "1");
/// nothing above 2359 or with minutes above 59.
std::optional<int> parse_hhmm(std::string_view text);

}  // namespace precinct::data
