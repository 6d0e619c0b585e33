// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

extern "C" {

/// Number of GPUs that can be used, and what the first one is, in `text`; -1 when there is none,
/// and the reason in `text`, one line. Also checks that NCCL is the one LibTorch was built with.
/// Found by name in libprecinct_cuda.so.
int precinct_cuda_state(char* text, int size);

/// One line for each GPU that this process sees: its PCI address, which tells GPUs of a host apart
/// whatever CUDA_VISIBLE_DEVICES says, then its name. Their number. Found by name.
int precinct_cuda_devices(char* text, int size);

/// Versions of NCCL, e.g. 22809: the one that this library was compiled with and the one that was
/// loaded (0 when it does not answer). Found by name.
void precinct_cuda_nccl_versions(int* compiled, int* loaded);
}
