// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/c10d_communicator.h"

#include <ATen/ATen.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "base/error.h"
#include "parallel/c10d_group_internal.h"
#include "parallel/local_communicator.h"

namespace precinct::parallel {
namespace {

// one place that fails to compile when a release of LibTorch changes what is relied on
static_assert(TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR == 11,
              "the c10d classes change by release: look at this file before another one is used");
static_assert(
    std::is_constructible_v<c10d::ProcessGroupGloo, const c10::intrusive_ptr<c10d::Store>&, int,
                            int, c10::intrusive_ptr<c10d::ProcessGroupGloo::Options>>);

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

double seconds(Milliseconds time) { return static_cast<double>(time.count()) / 1e3; }

c10d::ReduceOp c10d_op(ReduceOp op) {
  return op == ReduceOp::kSum   ? c10d::ReduceOp::SUM
         : op == ReduceOp::kMax ? c10d::ReduceOp::MAX
                                : c10d::ReduceOp::MIN;
}

using Made = c10::intrusive_ptr<c10d::Backend>;

Made gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, const std::string& name, int rank,
                  const std::vector<int>& world_ranks, Milliseconds timeout,
                  const std::string& host_address) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(host_address));
  options->group_name = name;
  options->global_ranks_in_group.assign(world_ranks.begin(), world_ranks.end());
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank,
                                                     static_cast<int>(world_ranks.size()), options);
}

/// A first connection may have no end of its own when a rank is lost in it, or last several
/// timeouts. `fail` gets what was found, and throws.
template <typename Make>
Made connected(Milliseconds limit, const Make& make,
               const std::function<void(const std::string&)>& fail) {
  try {
    if (auto made = made_until(Clock::now() + limit, make)) return *made;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail("'" + one_line(error.what()) + "'");
  }
  fail("it still waiting");
  return {};
}

/// Every member says that it is here and waits for the others, so that a missing one has a name.
void meet(Store& store, const std::string& name, int rank, const std::vector<int>& world_ranks,
          Clock::time_point deadline, Milliseconds timeout) {
  store.set(fmt::format("here/{}", rank), "1");
  std::vector<int> missing;
  for (std::size_t r = 0; r < world_ranks.size(); ++r) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    if (!store.get(fmt::format("here/{}", r), std::max(left, Milliseconds(0))))
      missing.push_back(world_ranks[r]);
  }
  PRECINCT_CHECK(missing.empty(), CommError,
                 "rank {}: group {}: expected all {} ranks within {} s, found {} missing; look at "
                 "their logs: they did not start, or do not reach the store",
                 world_ranks[static_cast<std::size_t>(rank)], name, world_ranks.size(),
                 seconds(timeout), ranks_text(missing));
}

}  // namespace

C10dCommunicator::C10dCommunicator(const std::string& name, int rank, std::vector<int> world_ranks,
                                   std::unique_ptr<Store> store, const ConnectOptions& options,
                                   Clock::time_point deadline, const std::string& host_address,
                                   std::shared_ptr<GroupRegistry> registry)
    : Communicator(name, rank, static_cast<int>(world_ranks.size())),
      group_(std::make_shared<Group>()),
      store_(std::move(store)),
      options_(options),
      host_address_(host_address),
      registry_(std::move(registry)) {
  meet(*store_, name, rank, world_ranks, deadline, options.connect_timeout);
  group_->name = name;
  group_->rank = rank;
  group_->world_ranks = world_ranks;
  group_->timeout = options.timeout;
  group_->registry = registry_;
  group_->progress = registry_->progress();
  group_->id = store_->name().substr(store_->name().find('/') + 1);  // not how it is reached
  group_->checker =
      std::make_unique<CallChecker>(store_->view("check"), name, rank, world_ranks, options.timeout,
                                    [group = group_.get()] { return group->move_on(); });
  connect_host(deadline);
  const auto* maker = device_backend_maker().load();
  if (options.backend != Backend::kGloo && maker != nullptr && options.device_index >= 0)
    connect_device(*maker);
  registry_->add(group_);
  registry_->progress()->add({group_->id, name, history()});
}

C10dCommunicator::~C10dCommunicator() {
  registry_->progress()->remove(group_->id);
  group_->close_quietly();
}

void C10dCommunicator::connect_host(Clock::time_point deadline) {
  // the ranks may have met at the last moment
  const auto limit = std::max(std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()),
                              options_.timeout / 6);
  const auto& ranks = group_->world_ranks;
  const auto store = store_->view("gloo")->clone();  // a thread that is left behind may ask it
  const Progress::Wait waiting(
      *group_->progress, {fmt::format("the first connection of the hosts ({})", name()), ranks});
  group_->host = connected(
      limit,
      [store = c10d_store(*store), name = name(), rank = rank(), ranks, timeout = options_.timeout,
       address = host_address_] {
        return gloo_backend(store, name, rank, ranks, timeout, address);
      },
      [&](const std::string& found) {
        if (const auto verdict = registry_->verdict())
          throw group_->given_up_with(CallRecord(), *verdict);
        throw CommError(fmt::format(
            "rank {}: group {}: expected that all {} ranks reach each other within {:.1f} s, this "
            "one at {}, found {}; see which one ended, or set GLOO_SOCKET_IFNAME to the interface "
            "between the hosts (precinct doctor shows it)",
            group_->world_rank(), name(), ranks.size(), seconds(limit), host_address_, found));
      });
}

void C10dCommunicator::connect_device(const DeviceBackendMaker& maker) {
  const auto& ranks = group_->world_ranks;
  const auto store = store_->view("device")->clone();  // its threads ask it at any time
  const Progress::Wait waiting(
      *group_->progress, {fmt::format("the first connection of the GPUs ({})", name()), ranks});
  group_->device = connected(
      options_.device_connect_timeout,
      [make = maker.make, group = DeviceGroup{c10d_store(*store), name(), rank(), ranks,
                                              options_.device_index, options_.timeout}] {
        return make(group);
      },
      [&](const std::string& found) {
        throw CommError(fmt::format(
            "rank {}: group {}: expected that the GPUs of all {} ranks connect within {} s, found "
            "{}; see NCCL's own reason with NCCL_DEBUG=WARN, or set parallel.backend: gloo",
            group_->world_rank(), name(), ranks.size(), seconds(options_.device_connect_timeout),
            found));
      });
  group_->device_type = maker.type;
}

const char* C10dCommunicator::backend() const { return group_->device ? "nccl" : "gloo"; }

void C10dCommunicator::abort(const std::string& reason) { group_->give_up(reason); }

void C10dCommunicator::compare_calls() {
  CallRecord record;
  record.number = num_calls();
  record.detail = "comparison of the calls so far";
  Progress::Awaited awaited = group_->awaited(record);
  awaited.number = std::numeric_limits<std::uint64_t>::max();  // who has come lets this rank go on
  const Progress::Wait waiting(*group_->progress, awaited);
  group_->guarded(record, options_.timeout,
                  [&] { group_->checker->compare_history(*history(), num_calls(), call_hash()); });
}

void C10dCommunicator::check(const CallRecord& record) {
  group_->check_in_use();
  if (!options_.check && record.number > options_.checked_calls) return;
  const Progress::Wait waiting(*group_->progress, group_->awaited(record));
  group_->guarded(record, options_.timeout,
                  [&] { group_->checker->compare_collective(record, call_hash()); });
}

template <typename Body>
Work C10dCommunicator::start(const CallRecord& record, const at::Tensor& tensor, const Body& body,
                             std::function<void()> after) {
  check(record);
  if (tensor.defined() && tensor.numel() == 0 && record.operation != Operation::kAllToAll)
    return {};
  return group_->guarded(record, options_.timeout, [&] {
    c10d::Backend& backend = group_->of(tensor);
    return Work(std::make_shared<Call>(group_, record, body(backend),
                                       &backend == group_->device.get(), std::move(after)));
  });
}

Work C10dCommunicator::do_all_reduce(const CallRecord& record, at::Tensor& tensor, ReduceOp op) {
  return start(record, tensor, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors{tensor};
    c10d::AllreduceOptions options;
    options.reduceOp = c10d_op(op);
    return backend.allreduce(tensors, options);
  });
}

Work C10dCommunicator::do_broadcast(const CallRecord& record, at::Tensor& tensor, int root) {
  return start(record, tensor, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors{tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return backend.broadcast(tensors, options);
  });
}

Work C10dCommunicator::do_all_gather(const CallRecord& record, at::Tensor& output,
                                     at::Tensor& input) {
  at::Tensor to = output.view(-1), from = input.view(-1);  // Gloo compares the shapes
  return start(record, input,
               [&](c10d::Backend& backend) { return backend._allgather_base(to, from); });
}

Work C10dCommunicator::do_reduce_scatter(const CallRecord& record, at::Tensor& output,
                                         at::Tensor& input, ReduceOp op) {
  if (!group_->is_on_device(input)) {
    // Gloo's own is an all_reduce of a copy too, but its handle cannot be woken
    const at::NoGradGuard no_grad;
    at::Tensor whole = input.clone();
    return start(
        record, whole,
        [&](c10d::Backend& backend) {
          std::vector<at::Tensor> tensors{whole};
          c10d::AllreduceOptions options;
          options.reduceOp = c10d_op(op);
          return backend.allreduce(tensors, options);
        },
        [whole, output, own = rank(), parts = size()] {
          const at::NoGradGuard without;
          output.view(-1).copy_(whole.view({parts, -1})[own]);
        });
  }
  return start(record, input, [&](c10d::Backend& backend) {
    c10d::ReduceScatterOptions options;
    options.reduceOp = c10d_op(op);
    return backend._reduce_scatter_base(output, input, options);
  });
}

Work C10dCommunicator::do_all_to_all(const CallRecord& record, at::Tensor& output,
                                     at::Tensor& input, RowCounts rows) {
  check(record);
  if (options_.check || record.number <= options_.checked_calls) {
    group_->guarded(record, options_.timeout, [&] { compare_rows(record, rows); });
  }
  return group_->guarded(record, options_.timeout, [&] {
    c10d::Backend& backend = group_->of(input);
    return Work(std::make_shared<Call>(
        group_, record, backend.alltoall_base(output, input, rows.output, rows.input),
        &backend == group_->device.get()));
  });
}

/// What a rank gives to each other one must be what that one takes; the hash cannot show it.
void C10dCommunicator::compare_rows(const CallRecord& record, const RowCounts& rows) {
  at::Tensor own = at::cat({at::tensor(rows.output, at::kLong), at::tensor(rows.input, at::kLong)});
  at::Tensor all = at::empty({2 * size() * size()}, at::kLong);
  Call(group_, record, group_->host->_allgather_base(all, own), false).wait(Milliseconds(0));
  const auto* counts = all.const_data_ptr<std::int64_t>();
  for (int from = 0; from < size(); ++from) {
    for (int to = 0; to < size(); ++to) {
      const std::int64_t gives = counts[2 * size() * from + size() + to];
      const std::int64_t takes = counts[2 * size() * to + from];
      PRECINCT_CHECK(gives == takes, CommError,
                     "{}: expected that rank {} takes the {} rows that rank {} gives it, found "
                     "that it takes {}; let both ends agree",
                     record.text_in(name()), group_->world_ranks[static_cast<std::size_t>(to)],
                     gives, group_->world_ranks[static_cast<std::size_t>(from)], takes);
    }
  }
}

Work C10dCommunicator::do_barrier(const CallRecord& record) {
  return start(record, at::Tensor(), [](c10d::Backend& backend) { return backend.barrier(); });
}

Work C10dCommunicator::start_message(const CallRecord& record, at::Tensor& tensor, int peer,
                                     int tag, bool is_send) {
  if (group_->is_on_device(tensor))
    return start_on_device({record}, {{record.operation, tensor, peer, tag}});
  group_->check_in_use();
  return group_->guarded(record, options_.timeout, [&] {
    auto message = group_->checker->count(record, peer, tag);
    const bool is_checked = options_.check || message.number <= options_.checked_calls;
    // messages of one sender and tag are matched by order: one stays behind those that still wait
    if (is_checked || (!is_send && group_->has_unposted({peer, tag}))) {
      if (!is_checked) message.key.clear();
      if (is_send) group_->checker->announce(message);
      const auto call = std::make_shared<CheckedMessage>(group_, message, tensor, tag);
      if (!is_send) group_->unposted.push_back(call);
      group_->move_on();
      return Work(call);
    }
    std::vector<at::Tensor> tensors{tensor};
    c10d::Backend& backend = *group_->host;
    return Work(std::make_shared<Call>(
        group_, record,
        is_send ? backend.send(tensors, peer, tag) : backend.recv(tensors, peer, tag), false,
        std::function<void()>(), peer));
  });
}

/// Compares checked messages before any of them is posted, since between startCoalescing() and
/// endCoalescing() nothing may wait. Returns those to be taken later: whoever sends them may first
/// need what this batch gives. A batch of two ranks that must complete together is whole on one of
/// them at least: a rank announces its sends before it answers.
std::vector<bool> C10dCommunicator::agree_on_messages(const std::vector<CallRecord>& records,
                                                      const std::vector<PointToPoint>& messages) {
  CallChecker& checker = *group_->checker;
  auto& unanswered = group_->unanswered;
  std::vector<CallChecker::Message> sends;
  std::map<std::string, std::size_t> place_of;  // of recvs, by key
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto message = checker.count(records[i], messages[i].peer, messages[i].tag);
    if (!options_.check && message.number > options_.checked_calls) continue;
    if (messages[i].operation == Operation::kSend) {
      checker.announce(message);
      sends.push_back(message);
    } else {
      unanswered.push_back(message);
      place_of[message.key] = i;
    }
  }
  for (const auto& message : sends) {  // meanwhile move_on() answers
    const Progress::Wait waiting(*group_->progress, group_->awaited(message.record, message.peer));
    checker.await_answer(message, options_.timeout);
  }
  group_->move_on();
  const bool gives = std::any_of(messages.begin(), messages.end(), [](const auto& message) {
    return message.operation == Operation::kSend;
  });
  if (!gives) await_senders();
  std::vector<bool> later(messages.size(), false);
  for (const auto& message : unanswered) later[place_of.at(message.key)] = true;
  return later;
}

/// Until all senders of a batch's messages have come and agree.
void C10dCommunicator::await_senders() {
  const auto start = Clock::now();
  while (!group_->unanswered.empty()) {
    const auto message = group_->unanswered.front();
    const Progress::Wait waiting(*group_->progress, group_->awaited(message.record, message.peer));
    group_->checker->await_sender(
        message, std::chrono::duration_cast<Milliseconds>(Clock::now() - start), options_.timeout);
    group_->move_on();
  }
}

/// One launch for all of them, since they may only complete together.
Work C10dCommunicator::start_on_device(const std::vector<CallRecord>& records,
                                       const std::vector<PointToPoint>& messages) {
  group_->check_in_use();
  return group_->guarded(records[0], options_.timeout, [&] {
    auto later = agree_on_messages(records, messages);
    std::vector<std::size_t> order(messages.size());
    std::iota(order.begin(), order.end(), 0);
    // of two ranks' messages the n-th sent one meets the n-th taken one: tags set the order
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return messages[a].tag < messages[b].tag;
    });
    std::set<int> held;  // senders whose next message waits, and with it those behind it
    for (const std::size_t i : order) {
      if (messages[i].operation != Operation::kRecv) continue;
      if (later[i]) held.insert(messages[i].peer);
      later[i] = held.contains(messages[i].peer);
    }
    std::vector<Work> works;
    for (const bool part : {false, true}) {
      std::vector<std::size_t> now;
      std::copy_if(order.begin(), order.end(), std::back_inserter(now),
                   [&](std::size_t i) { return later[i] == part; });
      if (now.empty()) continue;
      if (part) await_senders();
      works.push_back(launch(records, messages, now));
    }
    return Work(works);
  });
}

Work C10dCommunicator::launch(const std::vector<CallRecord>& records,
                              const std::vector<PointToPoint>& messages,
                              const std::vector<std::size_t>& which) {
  c10d::Backend& backend = *group_->device;
  backend.startCoalescing();
  for (const std::size_t i : which) {
    const auto& [operation, tensor, peer, tag] = messages[i];
    std::vector<at::Tensor> tensors{tensor};
    operation == Operation::kSend ? backend.send(tensors, peer, tag)
                                  : backend.recv(tensors, peer, tag);
  }
  const int peer = messages[which[0]].peer;
  const bool is_one = std::all_of(which.begin(), which.end(),
                                  [&](std::size_t i) { return messages[i].peer == peer; });
  return Work(std::make_shared<Call>(group_, records[which[0]], backend.endCoalescing(), true,
                                     std::function<void()>(), is_one ? peer : -1));
}

Work C10dCommunicator::do_send(const CallRecord& record, at::Tensor& tensor, int peer, int tag) {
  return start_message(record, tensor, peer, tag, true);
}

Work C10dCommunicator::do_recv(const CallRecord& record, at::Tensor& tensor, int peer, int tag) {
  return start_message(record, tensor, peer, tag, false);
}

Work C10dCommunicator::do_batch_p2p(const std::vector<CallRecord>& records,
                                    const std::vector<PointToPoint>& messages) {
  const auto is_on_device = [&](const auto& message) {
    return group_->is_on_device(message.tensor);
  };
  if (std::none_of(messages.begin(), messages.end(), is_on_device))
    return Communicator::do_batch_p2p(records, messages);
  PRECINCT_CHECK(std::all_of(messages.begin(), messages.end(), is_on_device), ShapeError,
                 "batch_p2p in group {}: expected tensors of one kind of device, found several; "
                 "make a batch of each",
                 name());
  return start_on_device(records, messages);
}

std::unique_ptr<Communicator> C10dCommunicator::do_subgroup(const std::string& name,
                                                            const std::vector<int>& members) {
  group_->check_in_use();
  const int first = *std::min_element(members.begin(), members.end());
  const std::string place = fmt::format("sub{}.{}", num_subgroups_++, first);
  if (members.size() == 1 && size() > 1) return std::make_unique<LocalCommunicator>(name);
  std::vector<int> world_ranks;
  world_ranks.reserve(members.size());
  for (const int member : members)
    world_ranks.push_back(group_->world_ranks[static_cast<std::size_t>(member)]);
  const auto own = std::find(members.begin(), members.end(), rank()) - members.begin();
  ConnectOptions options = options_;
  options.connect_timeout = options.timeout;  // all members run, and this is one of their calls
  return std::make_unique<C10dCommunicator>(
      name, static_cast<int>(own), std::move(world_ranks), store_->view(place), options,
      Clock::now() + options.connect_timeout, host_address_, registry_);
}

}  // namespace precinct::parallel
