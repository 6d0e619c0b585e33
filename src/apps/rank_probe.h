// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "apps/rank_findings.h"

namespace precinct::apps {

/// Connects the ranks of this job, measures their clocks and sums and gives the answer, the same on
/// all ranks, to `report`. No rank leaves before all have reported: whoever started them may end
/// the others when one leaves. False, and nothing done, when this process has no launcher's
/// variables. All ranks call it, each with what was found on its machine. Throws what connect()
/// throws, and CommError when a rank is not heard of for `timeout`.
bool look_at_ranks(const std::vector<Finding>& machine, std::chrono::milliseconds timeout,
                   const std::function<void(const JobFacts&)>& report);

}  // namespace precinct::apps
