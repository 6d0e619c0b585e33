// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace precinct::parallel {

/// Whether NCCL is there: the CUDA library, which alone links it, was loaded and
/// precinct_cuda_register_nccl() was called.
bool device_backend_is_there();

}  // namespace precinct::parallel

extern "C" {

/// Makes NCCL the backend for tensors on a GPU in groups that are connected from now on with a
/// device_index. Sets TORCH_NCCL_DUMP_ON_TIMEOUT=0 unless it is set: call it before other threads
/// read the environment. Found by name in libprecinct_cuda.so.
void precinct_cuda_register_nccl();
}
