// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "data/ingest/incident.h"

namespace precinct::data {

/// Accepted incidents, one per id: the latest revision wins, whatever the order of input. Incidents
/// without id all stay. Memory: 32 bytes per id, twice that while rows are added.
class IncidentStore {
 public:
  void add(const std::vector<Incident>& incidents);

  /// Ids whose newest revision stands in rows that differ; their winner must be found from the rows
  /// themselves and told by settle().
  std::vector<std::uint64_t> contested();
  /// winner: id -> digest of the row that counts.
  void settle(const std::map<std::uint64_t, std::array<std::byte, 16>>& winner);

  /// Rows that were dropped: the same row again, and rows that a later revision replaced.
  std::uint64_t num_repeated() const { return num_repeated_; }
  std::uint64_t num_revised() const { return num_revised_; }

  /// Incidents that fit into the memory held.
  std::size_t capacity() const { return incidents_.capacity(); }

  /// All incidents, sorted by digest.
  std::vector<Incident> take();

 private:
  void compact();
  std::vector<Incident> incidents_;
  std::size_t compact_at_ = std::size_t{1} << 20;
  std::uint64_t num_repeated_ = 0, num_revised_ = 0;
};

}  // namespace precinct::data
