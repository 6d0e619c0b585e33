// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Part of libprecinct_cuda.so, which alone links NCCL.
#include <nccl.h>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "parallel/c10d_internal.h"
#include "parallel/device_backend.h"

namespace precinct::parallel {
namespace {

// ncclConfig_t lies by value in the options
static_assert(NCCL_VERSION_CODE == 22809,
              "the NCCL headers must be those that this release of LibTorch was built with");

c10::intrusive_ptr<c10d::Backend> nccl_backend(const DeviceGroup& group) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = group.timeout;
  options->group_name = group.name;
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(group.store, group.rank, group.size,
                                                             std::move(options));
  const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(group.device_index));
  backend->setBoundDeviceId(device);
  backend->eagerConnectSingleDevice(device);  // what is wrong shows now and not in the first step
  return backend;
}

}  // namespace
}  // namespace precinct::parallel

void precinct_cuda_register_nccl() {
  precinct::parallel::device_backend_factory().store(&precinct::parallel::nccl_backend);
}
