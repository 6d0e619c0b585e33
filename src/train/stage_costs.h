// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "models/forecast_model.h"

namespace precinct::train {

/// What each stage of a network costs in a pipeline, in about seconds of training on one core: the
/// operators of one forward pass over `num_windows` made windows, by the numbers they multiply and
/// write and their count, with constants that stand for forward and backward together. It is
/// counted and not measured, so that the stages are cut alike on all ranks and after every restart
/// (another cut changes the last bits); a test holds it against measured times.
std::vector<double> stage_costs(models::ForecastModel& model, const models::ModelContext& context,
                                std::int64_t num_windows);

}  // namespace precinct::train
