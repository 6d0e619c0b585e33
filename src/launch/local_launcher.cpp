// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/local_launcher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <random>

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

}  // namespace

LocalLauncher::LocalLauncher(LaunchOptions options)
    : options_(std::move(options)), job_token_(fresh_token()) {
  if (options_.is_agent)
    first_rank_ = parallel::ProcessContext::from_environment().rank;
  else
    store_ = std::make_unique<parallel::StoreServer>("127.0.0.1", 0);
}

LocalLauncher::~LocalLauncher() = default;

std::vector<RankProcess> LocalLauncher::start(std::int64_t restart_count) const {
  const auto inherited = own_environment();
  std::vector<RankProcess> ranks;
  if (options_.is_agent) {
    ranks.emplace_back(options_.command, inherited, std::vector<int>());
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
  const auto context = parallel::ProcessContext::from_environment();
  if (context.world_size == 1) return JobWatch();
  return JobWatch(context.store_address(), context.master_port, context.restart_count);
}

}  // namespace precinct::launch
