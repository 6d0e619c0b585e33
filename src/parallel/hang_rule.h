// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "parallel/beat.h"
#include "parallel/progress.h"

namespace precinct::parallel {

/// What a waiting rank knows of one that it waits for.
struct Awaited {
  Beat beat;              ///< its last sign of life
  int beats_seen = 0;     ///< signs of life with this state of progress
  double beat_age_s = 0;  ///< since the last one was first seen here
  bool is_held = false;   ///< its launcher saw it stopped by a signal
};

/// How long a rank may be without progress while others wait for it: the larger of two heartbeats
/// and eight times what its phase takes at most (p99, without waiting). `timeout` (that of a
/// collective) for a phase that it has not been through yet, and never more.
double allowed_idle_s(const Beat& beat, double heartbeat_s, double timeout_s);

/// Whether it hangs: it does not wait itself, makes no progress for longer than is allowed, and
/// either its signs of life still come or its launcher sees it stopped (then two heartbeats do for
/// a phase that it has not been through yet: it is not at work). One whose signs are missing
/// altogether is unreachable, which is not the same: a link may come back.
bool hangs(const Awaited& other, double heartbeat_s, double timeout_s);

/// Whether this rank, which waits as `own` says, and one that it waits for are in collectives of
/// which neither has made the other's, both for two heartbeats: they wait for each other in vain.
/// `groups` are those of this rank. (Where one has made the other's call its messages may only be
/// slow, and a link may come back.)
bool wait_crosswise(const Progress::Snapshot& own, const std::vector<Progress::Group>& groups,
                    const Awaited& other, double heartbeat_s);

}  // namespace precinct::parallel
