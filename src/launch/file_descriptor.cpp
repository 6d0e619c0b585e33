// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/file_descriptor.h"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace precinct::launch {

Pipe Pipe::open() {
  std::array<int, 2> ends{};
  PRECINCT_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0, IoError,
                 "{}; expected two more files for a rank's output; raise 'ulimit -n' or start "
                 "fewer ranks",
                 errno_text("pipe", errno));
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

}  // namespace precinct::launch
