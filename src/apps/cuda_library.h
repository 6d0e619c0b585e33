// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace precinct::apps {

/// Loads libprecinct_cuda.so, with LibTorch's CUDA part behind it, when this command line wants a
/// GPU: `--device cuda` (or run.device=cuda) always; else train, evaluate, forecast and doctor when
/// an NVIDIA driver is at work and the command line does not say cpu.
///
/// Must be the first thing main does: LibTorch looks for its CUDA hooks once, and after any
/// question for a GPU, seeding or backward pass the answer "none" stays. Never throws: why there
/// is no GPU is asked later.
void load_cuda_library(int argc, const char* const* argv);

/// Why no GPU can be used by this process, one line without an end mark; empty when one can.
std::string why_no_gpu();

/// The first GPU, e.g. "NVIDIA H100, 80 GiB"; empty when there is none.
std::string gpu_name();

/// Throws DeviceError with the reason and the remedy when `device` is cuda and no GPU can be used.
void require_device(const std::string& device);

}  // namespace precinct::apps
