// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/ingest/incident.h"
#include "data/panel.h"

namespace precinct::data {

/// sha256 over the digests of sorted incidents.
std::string content_hash(const std::vector<Incident>& sorted);

/// Range of the series: days of the first and last bin; unset ends are those of the incidents.
struct SeriesRange {
  std::optional<std::int64_t> first_day;
  std::optional<std::int64_t> last_day;
};

/// What was not counted as it stood.
struct CountNotes {
  std::int64_t first_day = 0, last_day = 0;  // with an incident
  std::uint64_t in_skipped_hour =
      0;  // written down in the hour that spring skips: in the one after
  std::uint64_t beyond_last_bin = 0;       // in a week or month that `last_day` leaves incomplete
  std::int64_t days_missing_at_start = 0;  // of a first month, before the series begins
  std::int64_t days_missing_at_end = 0;    // of the last bin, after the last incident's day
};

/// Counts incidents per bin, node and category into `panel` (nodes and categories are there): fills
/// axis, counts, num_* and, for hourly bins in a zone with clock changes, `observed` with the hour
/// that spring skips. With a `last_day` the series ends with the last bin that is complete by then.
/// Throws DataError when nothing is counted.
CountNotes count_incidents(const std::vector<Incident>& incidents, const BinSpec& bin,
                           const SeriesRange& range, Panel& panel);

}  // namespace precinct::data
