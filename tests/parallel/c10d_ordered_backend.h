// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace precinct::test {

/// Makes tensors of the host go through a device backend that behaves like NCCL's and needs no GPU:
/// one call after the other on a queue of its own, which a message without its other end blocks;
/// messages only between startCoalescing() and endCoalescing(), their tags ignored; a Work that
/// counts as completed, without an error, once it was aborted. For groups that are connected from
/// now on in this process with device_index 0.
void use_ordered_backend();

/// What the groups' backends were asked for so far: "shutdown dp", "abort world", and
/// "destroyed dp" when one went without either.
std::vector<std::string> ends_of_ordered_backends();

}  // namespace precinct::test
