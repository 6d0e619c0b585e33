// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/safetensors.h"

namespace precinct::train {

/// Global 2-norm of the gradients that are there, as an f32 scalar on their device; nothing waits
/// for it.
torch::Tensor gradient_norm(const models::NamedTensors& parameters);

/// Scales gradients in place by min(1, max_norm / (norm + 1e-6)); max_norm 0 leaves them as they
/// are.
void clip_gradients(const models::NamedTensors& parameters, const torch::Tensor& norm,
                    double max_norm);

}  // namespace precinct::train
