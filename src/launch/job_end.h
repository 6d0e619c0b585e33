// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace precinct::launch {

/// How one rank ended.
struct RankEnd {
  std::int64_t rank = 0;
  pid_t pid = -1;
  double seconds = 0;          ///< since the ranks were started
  int code = 0;                ///< exit code, when it ended by itself
  int signal = 0;              ///< that killed it, 0 for none
  bool was_told = false;       ///< the launcher had told it to end (SIGTERM, SIGKILL) before
  bool was_stopped = false;    ///< it was held by SIGSTOP when the launcher ended it
  bool out_of_memory = false;  ///< the kernel killed it for want of memory
  std::int64_t step = -1;      ///< of its last sign of life, -1 for none
  std::string last_line;       ///< that it wrote
};

/// What is known beside the ranks' ends.
struct JobFacts {
  std::string host;
  int passed_on = 0;         ///< last signal that the launcher got and passed on, 0 for none
  std::string memory_limit;  ///< "2.0 GiB"; empty when the machine itself is the limit
  std::string verdict;       ///< what the ranks found: who hangs, which calls differ; or empty
  std::string logs;          ///< where the ranks' full output is, empty for nowhere
  std::string without_logs;  ///< what is advised then
};

/// How a job ended: what the launcher returns and says.
struct JobEnd {
  int exit_code = 0;
  bool may_restart = false;  ///< another try may go better
  std::string sentence;      ///< one line; empty when all went well
  bool shows_table = false;
};

/// Judges the ends of all ranks. The cause is the first failure that is no mere answer to another:
/// a rank whose peer died ends with code 4 or by SIGABRT. Exit codes of the job: 0 all did well, 75
/// stopped on request, 8 out of memory, 4 a rank was killed, 128 + n ended by a signal that was
/// passed on, else the code of the rank at fault.
JobEnd judge(const std::vector<RankEnd>& ends, const JobFacts& facts);

/// Whether a rank that ends so is at fault itself, or may only have lost a peer.
bool may_be_an_answer(const RankEnd& end);

/// Whether it found its configuration or its data wrong: the others may be about to say the same.
bool is_refusal(const RankEnd& end);

/// Whether the rank did not do what it should.
bool has_failed(const RankEnd& end);

/// Ranks with host, pid, time, cause and last line; ends with a newline.
std::string rank_table(const std::vector<RankEnd>& ends, const std::string& host);

/// "SIGKILL"; "signal 64" for one without a name.
std::string signal_name(int number);

}  // namespace precinct::launch
