// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/panel_builder.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/error.h"
#include "base/time_zone.h"

namespace precinct::data {

std::string content_hash(const std::vector<Incident>& sorted) {
  Sha256 hash;
  for (const Incident& incident : sorted) hash.update(incident.digest);
  return hash.hex_digest();
}

namespace {

/// Marks hours that the zone skips in spring as not observed. A panel with none of them but one
/// within a year has a mask too: a network that learns from it can then forecast from a later one.
void mark_skipped_hours(Panel& panel) {
  if (panel.axis.spec().kind != BinKind::kHours || panel.axis.spec().hours != 1) return;
  constexpr std::int64_t kYear = 366 * 24;
  const TimeZone zone = TimeZone::load(panel.time_zone);
  for (std::int64_t b = -kYear; b < panel.num_bins + kYear; ++b) {
    if (!zone.is_skipped(panel.axis.start_of(b))) continue;
    panel.observed.resize(static_cast<std::size_t>(panel.num_bins * panel.num_nodes), 1);
    if (b < 0 || b >= panel.num_bins) continue;
    std::fill_n(panel.observed.begin() + b * panel.num_nodes, panel.num_nodes, std::uint8_t{0});
  }
}

void fill_axis(const std::vector<Incident>& incidents, const BinSpec& bin, const SeriesRange& range,
               Panel& panel, CountNotes& notes) {
  notes.first_day = notes.last_day = incidents.front().day();
  for (const Incident& incident : incidents) {
    notes.first_day = std::min(notes.first_day, incident.day());
    notes.last_day = std::max(notes.last_day, incident.day());
  }
  std::int64_t first = range.first_day.value_or(notes.first_day);
  const std::int64_t last = range.last_day.value_or(notes.last_day);
  if (bin.kind == BinKind::kMonth) notes.days_missing_at_start = civil_from_days(first).day - 1;
  first -= notes.days_missing_at_start;
  panel.axis = BinAxis(bin, {first, 0});
  panel.num_bins = panel.axis.bin_of({last, 1439}) + 1;
  while (range.last_day && panel.num_bins > 1 &&
         panel.axis.end_of(panel.num_bins - 1) > CivilTime{last + 1, 0})
    --panel.num_bins;
  panel.num_nodes = static_cast<std::int64_t>(panel.nodes.size());
  panel.num_categories = static_cast<std::int64_t>(panel.categories.size());
  PRECINCT_CHECK(panel.num_nodes > 0 && panel.num_categories > 0 && panel.num_bins > 0, DataError,
                 "panel: expected districts, categories and bins, found {} x {} x {}; is the range "
                 "right?",
                 panel.num_bins, panel.num_nodes, panel.num_categories);
  constexpr std::int64_t kMaxCells = std::int64_t{1} << 32;
  PRECINCT_CHECK(panel.num_bins < kMaxCells / panel.num_nodes / panel.num_categories, DataError,
                 "panel: expected fewer than 2^32 cells, found {} x {} x {}; choose longer bins or "
                 "a shorter range",
                 panel.num_bins, panel.num_nodes, panel.num_categories);
  const CivilTime end = panel.axis.end_of(panel.num_bins - 1);
  notes.days_missing_at_end = std::max<std::int64_t>(0, end.day - last - 1);
}

}  // namespace

CountNotes count_incidents(const std::vector<Incident>& incidents, const BinSpec& bin,
                           const SeriesRange& range, Panel& panel) {
  PRECINCT_CHECK(
      !incidents.empty(), DataError,
      "input: expected at least one row that can be counted, found none; is this the right profile "
      "and boundary file?");
  CountNotes notes;
  fill_axis(incidents, bin, range, panel, notes);
  mark_skipped_hours(panel);
  std::vector<std::uint32_t> counts(
      static_cast<std::size_t>(panel.num_bins * panel.num_nodes * panel.num_categories), 0);
  for (const Incident& incident : incidents) {
    std::int64_t b = panel.axis.bin_of({incident.day(), static_cast<int>(incident.hour) * 60});
    const std::int64_t written = b;
    while (b < panel.num_bins && !panel.is_observed(b, 0)) ++b;  // an hour, or a day, was skipped
    if (b >= panel.num_bins) {
      ++notes.beyond_last_bin;
      continue;
    }
    notes.in_skipped_hour += b > written ? 1 : 0;
    ++counts[static_cast<std::size_t>(panel.index(b, static_cast<std::int64_t>(incident.district),
                                                  static_cast<std::int64_t>(incident.category)))];
  }
  panel.counts = CountArray::from_u32(counts);
  return notes;
}

}  // namespace precinct::data
