// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/incident_store.h"

#include <algorithm>

namespace precinct::data {
namespace {

/// By id, within an id the newest revision first.
bool newest_first(const Incident& a, const Incident& b) {
  if (a.id != b.id) return a.id < b.id;
  if (a.revision != b.revision) return a.revision > b.revision;
  return a.digest < b.digest;
}

}  // namespace

void IncidentStore::add(const std::vector<Incident>& incidents) {
  incidents_.insert(incidents_.end(), incidents.begin(), incidents.end());
  if (incidents_.size() < compact_at_) return;
  compact();
  compact_at_ = std::max(std::size_t{1} << 20, 2 * incidents_.size());
}

void IncidentStore::compact() {
  std::sort(incidents_.begin(), incidents_.end(), newest_first);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < incidents_.size(); ++i) {
    const Incident& incident = incidents_[i];
    const Incident* before = kept > 0 ? &incidents_[kept - 1] : nullptr;
    if (incident.id != 0 && before != nullptr && before->id == incident.id) {
      const bool same = before->revision == incident.revision && before->digest == incident.digest;
      if (same || before->revision != incident.revision) {
        ++(same ? num_repeated_ : num_revised_);
        continue;
      }
    }
    incidents_[kept++] = incident;
  }
  incidents_.resize(kept);
}

std::vector<std::uint64_t> IncidentStore::contested() {
  compact();
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 1; i < incidents_.size(); ++i) {
    const std::uint64_t id = incidents_[i].id;
    if (id != 0 && id == incidents_[i - 1].id && (ids.empty() || ids.back() != id))
      ids.push_back(id);
  }
  return ids;
}

void IncidentStore::settle(const std::map<std::uint64_t, std::array<std::byte, 16>>& winner) {
  const auto end =
      std::remove_if(incidents_.begin(), incidents_.end(), [&](const Incident& incident) {
        const auto it = winner.find(incident.id);
        return it != winner.end() && it->second != incident.digest;
      });
  num_revised_ += static_cast<std::uint64_t>(incidents_.end() - end);
  incidents_.erase(end, incidents_.end());
}

std::vector<Incident> IncidentStore::take() {
  compact();
  std::sort(incidents_.begin(), incidents_.end(),
            [](const Incident& a, const Incident& b) { return a.digest < b.digest; });
  return std::move(incidents_);
}

}  // namespace precinct::data
