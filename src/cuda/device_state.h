// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

extern "C" {

/// Number of GPUs that can be used, and what the first one is, in `text`; -1 when there is none,
/// and the reason in `text`, one line. Also checks that NCCL is the one LibTorch was built with.
/// Found by name in libprecinct_cuda.so.
int precinct_cuda_state(char* text, int size);
}
