// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace precinct {

/// Starts `count` threads of `body`. Where there is no room for all of them it calls `stop`, which
/// lets those that have begun end, joins them and throws DeviceError.
void start_threads(std::vector<std::thread>& threads, std::size_t count,
                   const std::function<void()>& body, const std::function<void()>& stop);

}  // namespace precinct
