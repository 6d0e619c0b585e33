// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "parallel/world.h"

namespace precinct::apps {

/// parallel::connect, with a line in the log that says where this rank waits for the others when
/// they do not come soon: most often a variable of the launcher is wrong.
std::unique_ptr<parallel::World> connected_world(const parallel::ProcessContext& context,
                                                 const parallel::ConnectOptions& options);

}  // namespace precinct::apps
