// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/local_launcher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/error.h"
#include "launch/rank_environment.h"
#include "parallel/process_context.h"
#include "parallel/store.h"

namespace precinct::launch {
namespace {

/// Other jobs hardly ever have the same.
std::string fresh_token() {
  std::random_device random;
  return fmt::format("launch.{}.{:08x}{:08x}", ::getpid(), random(), random());
}

/// Threads that the environment asks for; 0 when it asks for none.
int threads_asked_for() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  int value = 0;
  if (text != nullptr) std::from_chars(text, text + std::char_traits<char>::length(text), value);
  return value;
}

bool is_this_program(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::equivalent(path, "/proc/self/exe", ignored);
}

}  // namespace

LocalLauncher::LocalLauncher(LaunchOptions options)
    : options_(std::move(options)),
      job_token_(fresh_token()),
      runs_precinct_(is_this_program(options_.command.front())) {
  if (!options_.is_agent) {
    store_ = std::make_unique<parallel::StoreServer>("127.0.0.1", 0);
    return;
  }
  agent_of_ = parallel::ProcessContext::from_environment();
  PRECINCT_CHECK(agent_of_.source != "none", ConfigError,
                 "--agent: expected the variables of a rank (srun, torchrun or mpirun sets them), "
                 "found none; start it below srun, or use --nproc without --agent");
  if (agent_of_.rank != 0 || agent_of_.world_size == 1) return;
  if (agent_of_.launcher_holds_store || agent_of_.agent_holds_store) return;
  if (!runs_precinct_) return;  // another program wants the port itself
  store_ = parallel::serve_store(agent_of_);
  job_token_ = agent_of_.job_token;
}

LocalLauncher::~LocalLauncher() = default;

std::vector<RankProcess> LocalLauncher::start(std::int64_t restart_count) const {
  const auto inherited = own_environment();
  std::vector<RankProcess> ranks;
  if (options_.is_agent) {
    auto environment = inherited;
    if (store_) {
      const std::string name = std::string(parallel::ProcessContext::kAgentStoreVariable) + "=";
      std::erase_if(environment, [&](const auto& entry) { return entry.starts_with(name); });
      environment.push_back(name + job_token_);
    }
    ranks.emplace_back(options_.command, environment, std::vector<int>());
    return ranks;
  }
  const auto cores = allowed_cores();
  RankPlace place{.num_ranks = options_.num_ranks,
                  .restart_count = restart_count,
                  .port = store_->port(),
                  .job_token = job_token_,
                  .num_threads = threads_per_rank(cores, options_.num_ranks)};
  const bool is_pinned = options_.pins_cores && threads_asked_for() <= place.num_threads;
  for (; place.rank < place.num_ranks; ++place.rank)
    ranks.emplace_back(
        options_.command, rank_environment(inherited, place),
        is_pinned ? cores_of_rank(cores, place.rank, place.num_ranks) : std::vector<int>());
  return ranks;
}

JobWatch LocalLauncher::watch(std::int64_t restart_count) const {
  if (!options_.is_agent) return JobWatch("127.0.0.1", store_->port(), restart_count);
  if (agent_of_.world_size == 1) return JobWatch();
  return JobWatch(agent_of_.store_address(), agent_of_.master_port, agent_of_.restart_count);
}

std::int64_t LocalLauncher::world_size() const {
  return options_.is_agent ? agent_of_.world_size : options_.num_ranks;
}

}  // namespace precinct::launch
