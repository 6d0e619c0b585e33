// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace precinct::test {

/// A rank to be started: this program with other arguments and another environment.
struct RankStart {
  std::vector<std::string> arguments, environment;
  int output = -1;  ///< takes what it writes
  int alive = -1;   ///< is open in it as file 100 while it lives
};

/// Forks a rank from this program as it was when main() began, by the process that main() has left
/// there: most of what a small rank costs is to load LibTorch, and a fork does not do it again.
pid_t fork_rank(const RankStart& start);

/// Waits for its end; what waitpid() gives.
int status_of_rank(pid_t pid);

/// main() of a test program with ranks; `prepare` is called in it and in each rank, before the
/// tests.
int main_with_ranks(int argc, char** argv, void (*prepare)() = nullptr);

}  // namespace precinct::test
