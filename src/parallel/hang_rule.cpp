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

}  // namespace precinct::parallel
