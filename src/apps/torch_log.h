// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// What LibTorch itself writes to stderr.
#pragma once

namespace precinct::apps {

/// LibTorch prints errors only in this process: c10d warns of each call to a store that has gone
/// with a stack of frames, where our own error is a line. TORCH_CPP_LOG_LEVEL decides where it is
/// set. For a program, not for a library: the level is the process's.
void let_torch_print_errors_only();

}  // namespace precinct::apps
