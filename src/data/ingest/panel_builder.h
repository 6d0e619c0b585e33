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

/// Keeps one incident per id: the largest revision, then the largest digest; never the order of
/// input. Incidents without id all stay. Sorts by digest. Returns how many were dropped.
std::uint64_t drop_superseded(std::vector<Incident>& incidents);

/// sha256 over the digests of sorted incidents.
std::string content_hash(const std::vector<Incident>& sorted);

/// Range of the series: days of the first and last bin; unset ends are those of the incidents.
struct SeriesRange {
  std::optional<std::int64_t> first_day;
  std::optional<std::int64_t> last_day;
};

/// Counts incidents per bin, node and category into `panel` (nodes and categories are there): fills
/// axis, counts, num_* and, for hourly bins, `observed` of the hour that spring skips. Throws
/// DataError when nothing is counted.
void count_incidents(const std::vector<Incident>& incidents, const BinSpec& bin,
                     const SeriesRange& range, Panel& panel);

}  // namespace precinct::data
