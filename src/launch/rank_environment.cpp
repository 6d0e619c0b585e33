// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/rank_environment.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace precinct::launch {

std::vector<std::string> rank_environment(const std::vector<std::string>& inherited,
                                          const RankPlace& place) {
  std::vector<std::string> environment = inherited;
  const auto is_set = [&](std::string_view name) {
    return std::any_of(environment.begin(), environment.end(), [&](std::string_view entry) {
      return entry.starts_with(name) && entry.substr(name.size()).starts_with('=');
    });
  };
  const auto set = [&](const std::string& name, const auto& value) {
    std::erase_if(environment, [&](const auto& entry) { return entry.starts_with(name + "="); });
    environment.push_back(fmt::format("{}={}", name, value));
  };
  set("RANK", place.rank);
  set("LOCAL_RANK", place.rank);
  set("WORLD_SIZE", place.num_ranks);
  set("LOCAL_WORLD_SIZE", place.num_ranks);
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", place.port);
  set("TORCHELASTIC_USE_AGENT_STORE", "True");
  set("TORCHELASTIC_RESTART_COUNT", place.restart_count);
  set("TORCHELASTIC_RUN_ID", place.job_token);
  set("PRECINCT_JOB_TOKEN", place.job_token);
  if (!is_set("OMP_NUM_THREADS")) set("OMP_NUM_THREADS", place.num_threads);
  return environment;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return environment;
}

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  return cores;
}

std::vector<int> cores_of_rank(const std::vector<int>& allowed, std::int64_t rank,
                               std::int64_t num_ranks) {
  const std::int64_t share = static_cast<std::int64_t>(allowed.size()) / num_ranks;
  const auto first = allowed.begin() + rank * share;
  return {first, first + share};
}

int threads_per_rank(const std::vector<int>& allowed, std::int64_t num_ranks) {
  return static_cast<int>(
      std::max<std::int64_t>(1, static_cast<std::int64_t>(allowed.size()) / num_ranks));
}

}  // namespace precinct::launch
