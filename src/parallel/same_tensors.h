// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "parallel/communicator.h"

namespace precinct::parallel {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Throws CommError, the same on all ranks, unless every rank of the group has tensors of the same
/// names, shapes and types in the same order. All ranks call it. Cost: two small all_gathers.
void check_same_layout(const NamedTensors& tensors, Communicator& group);

/// Throws CommError that names the first tensor whose bytes differ and the ranks, the same on all
/// ranks. All ranks call it. Cost: one pass over the tensors and one all_gather of 8 bytes a
/// tensor. `when` goes into the message: "after step 40".
void check_same_bytes(const NamedTensors& tensors, Communicator& group, const std::string& when);

/// Copies the tensors of rank `root` to all ranks, packed into messages of at most `bucket_bytes`
/// (a larger tensor goes alone). All ranks call it.
void broadcast_tensors(const NamedTensors& tensors, Communicator& group, int root,
                       std::int64_t bucket_bytes = std::int64_t{25} << 20);

/// 64-bit hash of a tensor's bytes.
std::uint64_t bytes_hash(const at::Tensor& tensor);

}  // namespace precinct::parallel
