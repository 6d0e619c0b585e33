// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/host_list.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/error.h"

namespace precinct::parallel {
namespace {

constexpr std::size_t kMaxHosts = 100'000;

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text[0] == '-' || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

[[noreturn]] void refuse(std::string_view where, std::string_view text, std::string_view expected) {
  throw ConfigError(
      fmt::format("{}: expected {}, found '{}'; unset it or set it right", where, expected, text));
}

/// Splits at commas outside brackets.
std::vector<std::string_view> split_outside_brackets(std::string_view text,
                                                     std::string_view where) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '[') ++depth;
    if (i < text.size() && text[i] == ']') --depth;
    if (depth < 0 || depth > 1) refuse(where, text, "balanced brackets");
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  if (depth != 0) refuse(where, text, "balanced brackets");
  return parts;
}

/// "01-03" -> 01 02 03; "7" -> 7.
std::vector<std::string> expand_range(std::string_view range, std::string_view text,
                                      std::string_view where) {
  const std::size_t dash = range.find('-');
  const std::string_view low_text = range.substr(0, dash);
  const auto low = whole_number(low_text);
  const auto high = dash == std::string_view::npos ? low : whole_number(range.substr(dash + 1));
  if (!low || !high || *high < *low) refuse(where, text, "ranges such as 01-04");
  if (static_cast<std::size_t>(*high - *low) >= kMaxHosts)
    refuse(where, text, "at most 100000 hosts");
  std::vector<std::string> numbers;
  for (std::int64_t value = *low; value <= *high; ++value)
    numbers.push_back(fmt::format("{:0{}}", value, low_text.size()));
  return numbers;
}

/// One name with any number of brackets.
std::vector<std::string> expand_name(std::string_view name, std::string_view text,
                                     std::string_view where) {
  const std::size_t open = name.find('[');
  if (open == std::string_view::npos) return {std::string(name)};
  const std::size_t close = name.find(']', open);
  const auto tails = expand_name(name.substr(close + 1), text, where);
  std::vector<std::string> names;
  const std::string_view inner = name.substr(open + 1, close - open - 1);
  for (std::size_t start = 0; start <= inner.size();) {
    const std::size_t comma = std::min(inner.find(',', start), inner.size());
    for (const auto& number : expand_range(inner.substr(start, comma - start), text, where)) {
      for (const auto& tail : tails)
        names.push_back(fmt::format("{}{}{}", name.substr(0, open), number, tail));
      if (names.size() > kMaxHosts) refuse(where, text, "at most 100000 hosts");
    }
    start = comma + 1;
  }
  return names;
}

}  // namespace

std::vector<std::string> expand_host_list(std::string_view text, std::string_view where) {
  std::vector<std::string> hosts;
  for (const auto part : split_outside_brackets(text, where)) {
    if (part.empty()) refuse(where, text, "host names between commas");
    for (auto& name : expand_name(part, text, where)) hosts.push_back(std::move(name));
    if (hosts.size() > kMaxHosts) refuse(where, text, "at most 100000 hosts");
  }
  return hosts;
}

std::vector<std::int64_t> expand_counts(std::string_view text, std::string_view where) {
  std::vector<std::int64_t> counts;
  for (const auto part : split_outside_brackets(text, where)) {
    const std::size_t open = part.find("(x");
    const auto count = whole_number(part.substr(0, open));
    std::optional<std::int64_t> times = 1;
    if (open != std::string_view::npos)
      times = part.ends_with(')') ? whole_number(part.substr(open + 2, part.size() - open - 3))
                                  : std::nullopt;
    if (!count || !times || counts.size() + static_cast<std::size_t>(*times) > kMaxHosts)
      refuse(where, text, "counts such as 2(x3),1");
    counts.insert(counts.end(), static_cast<std::size_t>(*times), *count);
  }
  return counts;
}

}  // namespace precinct::parallel
