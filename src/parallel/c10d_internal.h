// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "parallel/store.h"

namespace precinct::parallel {

/// The c10d store behind `store`, for backends that meet there.
c10::intrusive_ptr<c10d::Store> c10d_store(Store& store);

/// An exception's text as the part of a one-line message: first line, at most 200 characters.
std::string one_line(const char* what);

/// What a device backend is made from.
struct DeviceGroup {
  c10::intrusive_ptr<c10d::Store> store;
  std::string name;
  int rank = 0, size = 1;
  int device_index = 0;
  std::chrono::milliseconds timeout{60'000};
};

/// Makes the backend for tensors on a GPU. The CUDA library, which alone links NCCL, sets it when
/// it is loaded; without it `backend: nccl` is refused.
using DeviceBackendFactory = c10::intrusive_ptr<c10d::Backend> (*)(const DeviceGroup& group);
std::atomic<DeviceBackendFactory>& device_backend_factory();

}  // namespace precinct::parallel
