// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <utility>
#include <vector>

#include "parallel/made_until.h"
#include "parallel/store.h"

namespace precinct::parallel {

/// The c10d store behind `store`, for backends that meet there.
c10::intrusive_ptr<c10d::Store> c10d_store(Store& store);

/// An exception's text as the part of a one-line message: first line, at most 200 characters.
std::string one_line(const char* what);

/// What a device backend is made from.
struct DeviceGroup {
  c10::intrusive_ptr<c10d::Store> store;  ///< of this group alone, by a connection of its own
  std::string name;
  int rank = 0;
  std::vector<int> world_ranks;  ///< of the members, in the order of the group's ranks
  int device_index = 0;
  std::chrono::milliseconds timeout{60'000};  ///< longest wait for one call
};

/// Makes the backend for tensors on a device. It may block until all members have called it.
///
/// The backend is used like NCCL's: messages only between startCoalescing() and endCoalescing(),
/// matched by their order; a Work is polled by isCompleted(), then waited for; at the end
/// shutdown(), after an error abort(), both once.
struct DeviceBackendMaker {
  c10::intrusive_ptr<c10d::Backend> (*make)(const DeviceGroup& group);
  at::DeviceType type = at::kCUDA;  ///< of the tensors that go through it
};

/// The CUDA library, which alone links NCCL, sets it when it is asked to; without one `backend:
/// nccl` is refused.
std::atomic<const DeviceBackendMaker*>& device_backend_maker();

}  // namespace precinct::parallel
