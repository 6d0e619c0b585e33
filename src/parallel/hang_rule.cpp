// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/hang_rule.h"

#include <algorithm>

namespace precinct::parallel {

double allowed_idle_s(const Beat& beat, double heartbeat_s, double timeout_s) {
  const auto usual = beat.usual.find(beat.phase);
  if (usual == beat.usual.end() || usual->second.count == 0) return timeout_s;
  return std::min(timeout_s, std::max(2 * heartbeat_s, 8 * usual->second.p99_s));
}

bool hangs(const Awaited& other, double heartbeat_s, double timeout_s) {
  const double allowed = allowed_idle_s(other.beat, heartbeat_s, timeout_s);
  if (other.is_held) {
    const bool is_known = other.beat.usual.contains(other.beat.phase);
    return other.beat.idle_s + other.beat_age_s >= (is_known ? allowed : 2 * heartbeat_s);
  }
  if (!other.beat.waits_for.empty()) return false;
  return other.beats_seen >= 2 && other.beat.idle_s >= allowed;
}

bool wait_crosswise(const Progress::Snapshot& own, const std::vector<Progress::Group>& groups,
                    const Awaited& other, double heartbeat_s) {
  const Beat& beat = other.beat;
  if (!own.is_waiting || own.awaited.number == 0 || beat.waits_number == 0) return false;
  if (own.awaited.call == beat.waits_for || other.is_held || other.beats_seen < 2) return false;
  if (std::min(own.idle_s, beat.idle_s) < 2 * heartbeat_s) return false;
  const auto theirs =
      std::find_if(beat.groups.begin(), beat.groups.end(),
                   [&](const Beat::Group& group) { return group.id == own.awaited.group; });
  const auto mine = std::find_if(groups.begin(), groups.end(), [&](const Progress::Group& group) {
    return group.id == beat.waits_in;
  });
  if (theirs == beat.groups.end() || mine == groups.end()) return false;
  const auto last = mine->calls->last();
  return theirs->last.number < own.awaited.number && (!last || last->number < beat.waits_number);
}

}  // namespace precinct::parallel
