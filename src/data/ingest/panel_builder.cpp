// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/panel_builder.h"

#include <algorithm>
#include <tuple>

#include "base/checksum.h"
#include "base/error.h"
#include "base/time_zone.h"

namespace precinct::data {

std::uint64_t drop_superseded(std::vector<Incident>& incidents) {
  const std::size_t before = incidents.size();
  std::sort(incidents.begin(), incidents.end(), [](const Incident& a, const Incident& b) {
    return std::tie(a.id, b.revision, b.digest) <
           std::tie(b.id, a.revision, a.digest);  // newest first within an id
  });
  const auto end =
      std::unique(incidents.begin(), incidents.end(),
                  [](const Incident& a, const Incident& b) { return a.id != 0 && a.id == b.id; });
  incidents.erase(end, incidents.end());
  std::sort(incidents.begin(), incidents.end(),
            [](const Incident& a, const Incident& b) { return a.digest < b.digest; });
  return before - incidents.size();
}

std::string content_hash(const std::vector<Incident>& sorted) {
  Sha256 hash;
  for (const Incident& incident : sorted) hash.update(incident.digest);
  return hash.hex_digest();
}

void count_incidents(const std::vector<Incident>& incidents, const BinSpec& bin,
                     const SeriesRange& range, Panel& panel) {
  PRECINCT_CHECK(
      !incidents.empty(), DataError,
      "input: expected at least one row that can be counted, found none; see the rejects");
  std::int64_t first = incidents.front().day, last = first;
  for (const Incident& incident : incidents) {
    first = std::min<std::int64_t>(first, incident.day);
    last = std::max<std::int64_t>(last, incident.day);
  }
  first = range.first_day.value_or(first);
  last = range.last_day.value_or(last);
  if (bin.kind == BinKind::kMonth) first -= civil_from_days(first).day - 1;
  panel.axis = BinAxis(bin, {first, 0});
  // Weeks and months that are not complete are left out at the end.
  std::int64_t num_bins = panel.axis.bin_of({last, 1439}) + 1;
  if (bin.kind == BinKind::kWeek || bin.kind == BinKind::kMonth) {
    while (num_bins > 1 && panel.axis.end_of(num_bins - 1).day > last + 1) --num_bins;
  }
  panel.num_bins = num_bins;
  panel.num_nodes = static_cast<std::int64_t>(panel.nodes.size());
  panel.num_categories = static_cast<std::int64_t>(panel.categories.size());
  PRECINCT_CHECK(panel.num_nodes > 0 && panel.num_categories > 0 && panel.num_bins > 0, DataError,
                 "panel: expected districts, categories and bins, found {} x {} x {}",
                 panel.num_bins, panel.num_nodes, panel.num_categories);
  constexpr std::int64_t kMaxCells = std::int64_t{1} << 32;
  PRECINCT_CHECK(panel.num_bins < kMaxCells / panel.num_nodes / panel.num_categories, DataError,
                 "panel: expected fewer than 2^32 cells, found {} x {} x {}; choose longer bins or "
                 "a shorter range",
                 panel.num_bins, panel.num_nodes, panel.num_categories);
  std::vector<std::uint32_t> counts(
      static_cast<std::size_t>(panel.num_bins * panel.num_nodes * panel.num_categories), 0);
  for (const Incident& incident : incidents) {
    const std::int64_t b = panel.axis.bin_of({incident.day, incident.minute});
    if (b >= 0 && b < panel.num_bins)
      ++counts[static_cast<std::size_t>(panel.index(b, incident.district, incident.category))];
  }
  panel.counts = CountArray::from_u32(counts);
  if (bin.kind == BinKind::kHours && bin.hours == 1) {
    const TimeZone zone = TimeZone::load(panel.time_zone);
    for (std::int64_t b = 0; b < panel.num_bins; ++b) {
      if (!zone.is_skipped(panel.axis.start_of(b))) continue;
      panel.observed.resize(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
      std::fill_n(panel.observed.begin() + b * panel.num_nodes, panel.num_nodes, std::uint8_t{0});
    }
  }
}

}  // namespace precinct::data
