// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/date_format.h"

#include <cctype>

#include "base/error.h"

namespace precinct::data {
namespace {

struct Parts {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  bool afternoon = false, twelve_hours = false, has_clock = false;
};

bool read_number(std::string_view text, std::size_t& at, std::size_t max_digits, int& value) {
  std::size_t digits = 0;
  value = 0;
  while (at < text.size() && digits < max_digits &&
         std::isdigit(static_cast<unsigned char>(text[at])) != 0) {
    value = value * 10 + (text[at++] - '0');
    ++digits;
  }
  return digits > 0;
}

bool read_token(char token, std::string_view text, std::size_t& at, Parts& parts) {
  int ignored = 0;
  switch (token) {
    case 'Y':
      return read_number(text, at, 4, parts.year) && parts.year >= 1000;
    case 'm':
      return read_number(text, at, 2, parts.month);
    case 'd':
      return read_number(text, at, 2, parts.day);
    case 'H':
      parts.has_clock = true;
      return read_number(text, at, 2, parts.hour) && parts.hour < 24;
    case 'I':
      parts.twelve_hours = parts.has_clock = true;
      return read_number(text, at, 2, parts.hour) && parts.hour >= 1 && parts.hour <= 12;
    case 'M':
      return read_number(text, at, 2, parts.minute) && parts.minute < 60;
    case 'S':
      return read_number(text, at, 2, parts.second) && parts.second < 61;
    case 'f':
      return read_number(text, at, 9, ignored);
    case 'p': {
      if (at + 2 > text.size()) return false;
      const char letter = static_cast<char>(std::toupper(static_cast<unsigned char>(text[at])));
      if ((letter != 'A' && letter != 'P') ||
          std::toupper(static_cast<unsigned char>(text[at + 1])) != 'M')
        return false;
      parts.afternoon = letter == 'P';
      at += 2;
      return true;
    }
    default:
      return false;
  }
}

std::optional<WrittenTime> parse_one(std::string_view text, std::string_view format) {
  Parts parts;
  std::size_t at = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%' && i + 1 < format.size()) {
      if (!read_token(format[++i], text, at, parts)) return std::nullopt;
    } else {
      if (at >= text.size() || text[at] != format[i]) return std::nullopt;
      ++at;
    }
  }
  if (at != text.size() || !is_valid_date(parts.year, parts.month, parts.day)) return std::nullopt;
  if (parts.twelve_hours) parts.hour = parts.hour % 12 + (parts.afternoon ? 12 : 0);
  return WrittenTime{
      {days_from_civil(parts.year, parts.month, parts.day), parts.hour * 60 + parts.minute},
      parts.second,
      parts.has_clock};
}

}  // namespace

void check_time_format(const std::string& format, const std::string& where) {
  std::string tokens;
  for (std::size_t i = 0; i + 1 < format.size(); ++i)
    if (format[i] == '%') tokens += format[++i];
  const auto unknown = tokens.find_first_not_of("YmdHIMSfp");
  PRECINCT_CHECK(
      unknown == std::string::npos, ConfigError,
      "{}: expected %Y, %m, %d, %H, %I, %M, %S, %f or %p, found '%{}' in '{}'; write the "
      "other characters as they stand",
      where, tokens[unknown], format);
  for (const char needed : {'Y', 'm', 'd'})
    PRECINCT_CHECK(tokens.find(needed) != std::string::npos, ConfigError,
                   "{}: expected %Y, %m and %d, found '{}' without %{}; add it", where, format,
                   needed);
}

std::optional<WrittenTime> parse_by_formats(std::string_view text,
                                            std::span<const std::string> formats) {
  for (const std::string& format : formats) {
    if (const auto time = parse_one(text, format)) return time;
  }
  return std::nullopt;
}

std::optional<int> parse_hhmm(std::string_view text) {
  std::size_t at = 0;
  int value = 0;
  if (!read_number(text, at, 4, value) || at != text.size() || value > 2359 || value % 100 > 59)
    return std::nullopt;
  return value / 100 * 60 + value % 100;
}

}  // namespace precinct::data
