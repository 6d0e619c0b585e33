// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "parallel/progress.h"

namespace precinct::parallel {

/// From now on, when std::terminate ends this process (by an exception that nobody caught, or by
/// Gloo from a thread of its own when the sizes of a call differ over the ranks), it first says on
/// standard error which of both, and what the rank was doing: its step and the call it waited for
/// or made last. Then what was set before goes on. The
/// last rank and progress that were given count.
///
/// `leave`, where given, tells the other ranks, within a second, and returns what the job ends with
/// when that is known.
void say_last_words_of(std::int64_t rank, std::weak_ptr<const Progress> progress,
                       std::function<std::optional<std::string>()> leave = {});

}  // namespace precinct::parallel
