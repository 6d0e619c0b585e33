// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "report/panel_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace precinct::report {
namespace {

std::string category_totals(const data::Panel& panel, std::uint64_t& total, std::uint64_t& empty) {
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(panel.num_categories));
  for (std::int64_t i = 0; i < panel.counts.size(); ++i) {
    const std::uint32_t count = panel.counts[i];
    sums[static_cast<std::size_t>(i % panel.num_categories)] += count;
    total += count;
    empty += count == 0;
  }
  std::vector<std::string> parts;
  for (std::size_t c = 0; c < sums.size(); ++c)
    parts.push_back(fmt::format(
        "{} {}",
        panel.categories[c].name.empty() ? panel.categories[c].code : panel.categories[c].name,
        grouped(sums[c])));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string discovered(const data::Panel& panel) {
  std::vector<std::string> names;
  for (const auto& category : panel.categories)
    if (category.discovered_by_officer) names.push_back(category.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string bin_word(const data::Panel& panel, std::int64_t num_bins) {
  const auto kind = panel.axis.spec().kind;
  if (kind == BinKind::kHours) {
    const std::int64_t hours = num_bins * panel.axis.spec().hours;
    return hours == 1 ? "hour" : fmt::format("{} hours", hours);
  }
  const char* word = kind == BinKind::kDay ? "day" : kind == BinKind::kWeek ? "week" : "month";
  return num_bins == 1 ? word : fmt::format("{} {}s", num_bins, word);
}

std::string bin_label(const data::Panel& panel, std::int64_t bin) {
  static constexpr std::array kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  const CivilTime start = panel.axis.start_of(bin);
  switch (panel.axis.spec().kind) {
    case BinKind::kHours:
      return fmt::format("{} {} {:02}:00", kDays[static_cast<std::size_t>(weekday(start.day))],
                         format_date(start.day), start.minute / 60);
    case BinKind::kDay:
      return fmt::format("{} {}", kDays[static_cast<std::size_t>(weekday(start.day))],
                         format_date(start.day));
    case BinKind::kWeek:
      return "week of " + format_date(start.day);
    case BinKind::kMonth:
      break;
  }
  return format_date(start.day).substr(0, 7);
}

std::string range_label(const data::Panel& panel, const data::BinRange& range) {
  const std::int64_t first = panel.axis.start_of(range.begin).day,
                     last = panel.axis.last_day_of(range.end - 1);
  return first == last ? format_date(first)
                       : fmt::format("{} to {}", format_date(first), format_date(last));
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

Facts panel_facts(const data::Panel& panel) {
  std::uint64_t total = 0, empty = 0;
  const std::string categories = category_totals(panel, total, empty);
  Facts facts = {
      {"time",
       fmt::format("{} bins of a {}, {}, {}", grouped(static_cast<std::uint64_t>(panel.num_bins)),
                   bin_word(panel, 1), range_label(panel, {0, panel.num_bins}), panel.time_zone)},
      {"counted", fmt::format("{}: {}", grouped(total), categories)},
      {"empty cells",
       fmt::format("{:.1f} % of {} (district, category, bin)",
                   panel.counts.size() > 0 ? 100.0 * static_cast<double>(empty) /
                                                 static_cast<double>(panel.counts.size())
                                           : 0.0,
                   grouped(static_cast<std::uint64_t>(panel.counts.size())))}};
  const auto unseen = std::count(panel.observed.begin(), panel.observed.end(), 0);
  facts.emplace_back("not observed",
                     unseen == 0
                         ? "nothing: every district in every bin"
                         : fmt::format("{} of {} (district, bin); they are left out of every "
                                       "score",
                                       grouped(static_cast<std::uint64_t>(unseen)),
                                       grouped(panel.observed.size())));
  if (!panel.graph.kind.empty())
    facts.emplace_back(
        "district graph",
        fmt::format("{} pairs of neighbours ({})",
                    grouped(static_cast<std::uint64_t>(panel.graph.size() / 2)), panel.graph.kind));
  if (const std::string names = discovered(panel); !names.empty())
    facts.emplace_back("found by officers",
                       names + ": these counts follow where officers look, not only what happens");
  return facts;
}

}  // namespace precinct::report
