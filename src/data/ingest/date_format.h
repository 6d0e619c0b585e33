// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/civil_time.h"

namespace precinct::data {

/// A civil time as it was written.
struct WrittenTime : CivilTime {
  int second = 0;
  bool has_clock = false;  // the format has an hour
};

/// Throws ConfigError for a format with a token that parse_by_formats() does not know, or without
/// year, month and day. `where` is said in front, e.g. "--time-format".
void check_time_format(const std::string& format, const std::string& where);

/// Parses `text` by the first format that fits. %Y year, %m month, %d day, %H hour 0-23, %I hour
/// 1-12, %M minute, %S second, %f fraction, %p AM|PM; numbers may lack leading zeros; other
/// characters stand for themselves. Nothing when no format fits or the date does not exist.
std::optional<WrittenTime> parse_by_formats(std::string_view text,
                                            std::span<const std::string> formats);

/// Minutes since midnight of an HHMM integer that may have lost its zeros ("100", "30", "1");
/// nothing above 2359 or with minutes above 59.
std::optional<int> parse_hhmm(std::string_view text);

}  // namespace precinct::data
