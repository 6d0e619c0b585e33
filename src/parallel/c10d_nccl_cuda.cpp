// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// Part of libprecinct_cuda.so, which alone links NCCL.
#include <nccl.h>

#include <cstdlib>
#include <string_view>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "base/error.h"
#include "parallel/c10d_internal.h"
#include "parallel/device_backend.h"

namespace precinct::parallel {
namespace {

// ncclConfig_t lies by value in the options
static_assert(NCCL_VERSION_CODE == 22809,
              "the NCCL headers must be those that this release of LibTorch was built with");

/// ProcessGroupNCCL's own watchdog ends the process when a call is late. It is the second line: a
/// rank that waits says itself, and before, which call is late, and ends with code 4.
constexpr std::chrono::seconds kAfterOurTimeout{60};

/// In the ways of 1 and 2 the watchdog aborts a failed call and lets the streams go on with what it
/// left in the tensors.
void check_error_handling() {
  const char* variable = std::getenv("TORCH_NCCL_ASYNC_ERROR_HANDLING");
  const std::string_view way = variable == nullptr ? "3" : variable;
  PRECINCT_CHECK(way == "0" || way == "3", ConfigError,
                 "TORCH_NCCL_ASYNC_ERROR_HANDLING: expected 0 or 3, found '{}', with which a step "
                 "may go on with half a sum; unset it",
                 way);
}

c10::intrusive_ptr<c10d::Backend> nccl_backend(const DeviceGroup& group) {
  check_error_handling();
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = group.timeout + kAfterOurTimeout;
  options->group_name = group.name;
  options->global_ranks_in_group.assign(group.world_ranks.begin(), group.world_ranks.end());
  options->config.blocking = 1;  // the caller has a deadline of its own
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      group.store, group.rank, static_cast<int>(group.world_ranks.size()), std::move(options));
  const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(group.device_index));
  backend->setBoundDeviceId(device);
  backend->eagerConnectSingleDevice(device);  // what is wrong shows now and not in the first step
  return backend;
}

}  // namespace
}  // namespace precinct::parallel

void precinct_cuda_register_nccl() {
  // a late call would leave files beside the run folder and a mark in the job's store that ends the
  // job's next start
  ::setenv("TORCH_NCCL_DUMP_ON_TIMEOUT", "0", /*overwrite=*/0);
  static constexpr precinct::parallel::DeviceBackendMaker kMaker{&precinct::parallel::nccl_backend};
  precinct::parallel::device_backend_maker().store(&kMaker);
}
