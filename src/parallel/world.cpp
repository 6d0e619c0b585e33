// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/world.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <numeric>
#include <optional>
#include <vector>

#include "base/error.h"
#include "parallel/c10d_communicator.h"
#include "parallel/call_checker.h"
#include "parallel/device_backend.h"
#include "parallel/host_address.h"
#include "parallel/job_life.h"
#include "parallel/last_words.h"
#include "parallel/local_communicator.h"
#include "parallel/made_until.h"
#include "parallel/post_mortem.h"

namespace precinct::parallel {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// The address that this rank's peers reach it at.
std::string own_address(const ProcessContext& context, const ConnectOptions& options) {
  std::string interface = options.interface;
  if (interface.empty()) {
    const char* variable = std::getenv("GLOO_SOCKET_IFNAME");
    if (variable != nullptr) interface = variable;
  }
  if (!interface.empty()) return interface_address(interface);
  if (context.one_host()) return "127.0.0.1";
  std::string address = address_towards(context.master_address);
  // rank 0's own name, which /etc/hosts often leads to a loopback address: of no use to the others
  if (is_loopback(address) && !is_loopback(context.master_address)) {
    const std::string outward = outward_address();
    if (!outward.empty()) address = outward;
  }
  PRECINCT_CHECK(!address.empty(), ConfigError,
                 "MASTER_ADDR: expected an address that this host has a way to, found '{}'; set "
                 "MASTER_ADDR, or GLOO_SOCKET_IFNAME to the interface between the hosts",
                 context.master_address);
  return address;
}

void check_token(Store& store, const ProcessContext& context) {
  const std::string there = store.set_once("token", context.job_token);
  PRECINCT_CHECK(there == context.job_token, ConfigError,
                 "MASTER_PORT: expected the store of job '{}' at {}:{}, found that of job '{}'; "
                 "set another port",
                 context.job_token, context.master_address, context.master_port, there);
}

/// NCCL ends with an error of its own, or hangs, when two ranks of a group have one GPU.
void check_own_gpus(Store& store, const ProcessContext& context, const ConnectOptions& options,
                    Clock::time_point deadline) {
  if (options.device_id.empty() || options.backend == Backend::kGloo) return;
  const auto key = [](std::int64_t rank) { return fmt::format("gpu/{}", rank); };
  store.set(key(context.rank), fmt::format("{} of {}", options.device_id, host_name()));
  std::map<std::string, std::vector<int>> ranks;
  for (std::int64_t r = 0; r < context.world_size; ++r) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    const auto gpu = store.get(key(r), std::max(left, Milliseconds(0)));
    if (gpu) ranks[*gpu].push_back(static_cast<int>(r));  // one that is missing is named later
  }
  std::string shared;
  for (const auto& [gpu, those] : ranks)
    if (those.size() > 1)
      shared += fmt::format("{}GPU {} for {}", shared.empty() ? "" : ", ", gpu, ranks_text(those));
  PRECINCT_CHECK(shared.empty(), ConfigError,
                 "parallel.backend: expected a GPU of its own for each rank, found {}; start fewer "
                 "ranks, show each its own (CUDA_VISIBLE_DEVICES), or set it to gloo, which lets "
                 "them share",
                 shared);
}

/// What is allocated on "the GPU" is then on this rank's own.
void make_current(int device_index) {
  if (device_index < 0 || !c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return;
  const auto* guard = c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA);
  if (device_index < guard->deviceCount())
    guard->setDevice({c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(device_index)});
}

}  // namespace

World::World(ProcessContext context, std::unique_ptr<Communicator> communicator)
    : context_(std::move(context)), communicator_(std::move(communicator)) {}

void World::abort(const std::string& reason) {
  if (registry_) registry_->give_up_all(reason);
}

void World::start_heartbeat(const ConnectOptions& options) {
  if (options.heartbeat.count() <= 0) return;
  const Heartbeat::Options heartbeat{.rank = context_.rank,
                                     .world_size = context_.world_size,
                                     .every = options.heartbeat,
                                     .timeout = options.timeout};
  heartbeat_ = std::make_unique<Heartbeat>(
      JobLife(JobLife::part_of(*store_)->patient_clone()), progress_, heartbeat,
      [registry = registry_](const std::string& reason) { registry->give_up_all(reason); });
  const auto post_mortem = std::make_shared<PostMortem>(JobLife(JobLife::part_of(*store_)->clone()),
                                                        progress_, context_.rank);
  registry_->set_verdict([post_mortem] { return post_mortem->verdict(); });
  say_last_words_of(context_.rank, progress_, [post_mortem] { return post_mortem->leave(); });
}

void World::leave(Milliseconds limit) {
  const auto life = std::make_shared<JobLife>(JobLife::part_of(*store_));
  // a holder of the store that does not answer keeps nobody
  made_until(Clock::now() + limit, [life, rank = context_.rank] {
    life->say_gone(rank);
    return true;
  });
  if (server_) life->wait_until_gone(context_.world_size, limit);
}

void World::shutdown() {
  if (!store_) return;
  store_->set(fmt::format("leaves/{}", context_.rank), "1");
  const auto deadline = Clock::now() + timeout_;
  std::vector<int> others(static_cast<std::size_t>(context_.world_size));
  std::iota(others.begin(), others.end(), 0);
  std::optional<Progress::Wait> wait(std::in_place, *progress_,
                                     Progress::Awaited{"the end of the job", std::move(others)});
  for (std::int64_t r = 0; r < context_.world_size; ++r) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    PRECINCT_CHECK(
        store_->get(fmt::format("leaves/{}", r), std::max(left, Milliseconds(0))), CommError,
        "rank {}: shutdown: expected all {} ranks within {} s, found rank {} missing; "
        "look there: it died, hangs or has more work",
        context_.rank, context_.world_size, static_cast<double>(timeout_.count()) / 1e3, r);
  }
  wait.reset();
  heartbeat_.reset();
  say_last_words_of(context_.rank, progress_);
  registry_->close_all();
  leave(JobLife::kPatience);
  user_store_.reset();
  store_.reset();
  server_.reset();
}

World::~World() {
  if (!store_) return;
  heartbeat_.reset();
  say_last_words_of(context_.rank, progress_);
  try {
    registry_->give_up_all("this rank has ended");
    leave(JobLife::kPatienceAfterAnError);
  } catch (const Error&) {  // the store has gone before: nothing is left to be said
  }
}

std::unique_ptr<World> connect(const ProcessContext& context, const ConnectOptions& options) {
  PRECINCT_CHECK(
      options.backend != Backend::kNccl || (device_backend_is_there() && options.device_index >= 0),
      ConfigError,
      "parallel.backend: expected a GPU and the CUDA library for 'nccl', found none; "
      "set it to gloo");
  make_current(options.device_index);
  if (context.world_size == 1 && !options.connect_alone)
    return std::make_unique<World>(context, std::make_unique<LocalCommunicator>("world"));
  auto world = std::make_unique<World>(context, nullptr);
  const auto deadline = Clock::now() + options.connect_timeout;
  world->timeout_ = options.timeout;
  if (context.rank == 0 && !context.launcher_holds_store && !context.agent_holds_store)
    world->server_ = serve_store(context);
  const std::uint16_t port = world->server_ ? world->server_->port() : context.master_port;
  auto store = job_store(context.store_address(), port, context.restart_count,
                         options.connect_timeout, {context.store_holder(), options.timeout});
  check_token(*store, context);
  JobLife(JobLife::part_of(*store)).say_here();
  world->store_ = std::move(store);  // from here on the holder leaves last, also after an error
  world->registry_ = std::make_shared<GroupRegistry>(world->progress_);
  world->address_ = own_address(context, options);
  check_own_gpus(*world->store_, context, options, deadline);
  std::vector<int> ranks(static_cast<std::size_t>(context.world_size));
  std::iota(ranks.begin(), ranks.end(), 0);
  world->communicator_ = std::make_unique<C10dCommunicator>(
      "world", static_cast<int>(context.rank), std::move(ranks), world->store_->view("world"),
      options, deadline, world->address_, world->registry_);
  world->user_store_ = world->store_->view("user");
  say_last_words_of(context.rank, world->progress_);
  world->start_heartbeat(options);
  return world;
}

}  // namespace precinct::parallel
