// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "parallel/c10d_communicator.h"
#include "parallel/call_checker.h"
#include "parallel/device_mesh.h"
#include "parallel/store.h"
#include "parallel/world.h"
#include "tests/parallel/ranks.h"

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using test::run_ranks;
using Clock = std::chrono::steady_clock;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// One call of a script, and how its record reads.
struct Step {
  std::string text;
  std::function<void(Communicator&)> call;
};

Step reduce(std::int64_t n, ReduceOp op = ReduceOp::kSum, torch::Dtype type = torch::kFloat32) {
  return {fmt::format("all_reduce({}) [{}] {}", op == ReduceOp::kSum ? "sum" : "max", n,
                      type == torch::kFloat32 ? "float32" : "float64"),
          [=](Communicator& g) { g.all_reduce(torch::ones({n}, type), op).wait(); }};
}
Step send_all(std::int64_t n, int root = 0) {
  return {fmt::format("broadcast(root {}) [{}] float32", root, n),
          [=](Communicator& g) { g.broadcast(torch::ones({n}), root).wait(); }};
}
Step gather(std::int64_t n) {
  return {fmt::format("all_gather [{}] float32", n), [=](Communicator& g) {
            g.all_gather(torch::empty({n * g.size()}), torch::ones({n})).wait();
          }};
}
Step scatter(std::int64_t n) {
  return {fmt::format("reduce_scatter(sum) [{}] float32", 3 * n), [=](Communicator& g) {
            g.reduce_scatter(torch::empty({n}), torch::ones({n * g.size()})).wait();
          }};
}
Step exchange(std::int64_t n) {
  return {fmt::format("all_to_all(rows of [{}] Float)", n), [=](Communicator& g) {
            g.all_to_all(torch::empty({3, n}), torch::ones({3, n})).wait();
          }};
}

using Script = std::vector<Step>;

struct Fault {
  std::string name;
  Script script;      // of the rank with the fault
  std::size_t place;  // where it first differs
};

Script good_script() {
  return {reduce(4), send_all(3), gather(5), scatter(2), exchange(6), reduce(7)};
}

/// Left out, swapped and other shape at each place, and other arguments.
std::vector<Fault> faults() {
  std::vector<Fault> all;
  const Script good = good_script();
  const Script shapes = {reduce(9), send_all(9), gather(9), scatter(9), exchange(9), reduce(9)};
  for (std::size_t i = 0; i < good.size(); ++i) {
    Script skipped = good, swapped = good, reshaped = good;
    skipped.erase(skipped.begin() + static_cast<std::ptrdiff_t>(i));
    skipped.push_back(gather(1));
    std::swap(swapped[i], swapped[(i + 1) % good.size()]);
    reshaped[i] = shapes[i];
    all.push_back({fmt::format("skips call {}", i + 1), skipped, i});
    all.push_back({fmt::format("swaps call {}", i + 1), swapped, i + 1 == good.size() ? 0 : i});
    all.push_back({fmt::format("reshapes call {}", i + 1), reshaped, i});
  }
  Script other = good;
  other[0] = reduce(4, ReduceOp::kMax);
  all.push_back({"other reduction", other, 0});
  other[0] = reduce(4, ReduceOp::kSum, torch::kFloat64);
  all.push_back({"other type", other, 0});
  other = good;
  other[1] = send_all(3, 1);
  all.push_back({"other root", other, 1});
  return all;
}

TEST(Mismatch, EveryRankGetsBothSidesWhereOneSkipsReordersOrReshapes) {
  run_ranks(3, [](World& world) {
    const Script good = good_script();
    int number = 0;
    for (const Fault& fault : faults()) {
      const int culprit = number++ % 3;
      const auto group = world.communicator().split("dp", 0, world.rank());
      std::size_t made = 0;
      const auto start = Clock::now();
      const std::string text = error_of<CommError>([&] {
        for (const Step& step : world.rank() == culprit ? fault.script : good) {
          step.call(*group);
          ++made;
        }
      });
      EXPECT_LT(Clock::now() - start, 10s) << fault.name;
      EXPECT_EQ(made, fault.place) << fault.name;  // all before it had its result, none after
      EXPECT_TRUE(holds(text, good[fault.place].text)) << fault.name << ": " << text;
      EXPECT_TRUE(holds(text, fault.script[fault.place].text)) << fault.name << ": " << text;
      EXPECT_TRUE(holds(text, fmt::format("on rank {}", culprit))) << fault.name << ": " << text;
      EXPECT_TRUE(holds(text, fmt::format("call #{}", fault.place + 1))) << text;
      EXPECT_EQ(text.find('\n'), std::string::npos);
      // and the group is of no more use
      EXPECT_THROW(group->barrier().wait(), CommError);
      if (::testing::Test::HasFailure()) return;
    }
    EXPECT_GE(number, 20);
  });
}

TEST(Mismatch, MessagesRowsAndStepsAreComparedToo) {
  run_ranks(
      2,
      [](World& world) {
        const int r = world.rank();
        auto group = world.communicator().split("pp", 0, r);
        std::string text = error_of<CommError>([&] {
          auto tensor = torch::ones({r == 0 ? 4 : 5});
          if (r == 0) {
            group->send(tensor, 1, 2).wait();
          } else {
            group->recv(tensor, 0, 2).wait();
          }
        });
        EXPECT_TRUE(holds(text, "send [4] float32 on rank 0")) << text;
        EXPECT_TRUE(holds(text, "recv [5] float32 on rank 1")) << text;

        group = world.communicator().split("gp", 0, r);
        text = error_of<CommError>([&] {
          // rank 0 gives one row to rank 1, which wants two
          if (r == 0) {
            group->all_to_all(torch::empty({2, 2}), torch::ones({2, 2}), {1, 1}, {1, 1}).wait();
          } else {
            group->all_to_all(torch::empty({3, 2}), torch::ones({2, 2}), {2, 1}, {1, 1}).wait();
          }
        });
        EXPECT_TRUE(holds(text, "rank 1 takes the 1 rows that rank 0 gives it")) << text;
        EXPECT_TRUE(holds(text, "takes 2")) << text;

        // past the checked calls the history tells, at the next comparison
        group = world.communicator().split("dp", 0, r);
        for (int i = 0; i < 30; ++i) group->all_reduce(torch::ones({2})).wait();
        group->compare_calls();
        if (r == 1) group->note(31);
        group->all_reduce(torch::ones({2})).wait();
        text = error_of<CommError>([&] { group->compare_calls(); });
        EXPECT_TRUE(holds(text, "rank 0") && holds(text, "rank 1") && holds(text, "31 calls"))
            << text;
      },
      {.connect = {.timeout = 3s}});
}

TEST(Mismatch, ACheckedGroupComparesEveryCall) {
  run_ranks(2,
            [](World& world) {
              auto& all = world.communicator();
              for (int i = 0; i < 40; ++i) all.all_reduce(torch::ones({2})).wait();
              const std::string text = error_of<CommError>(
                  [&] { all.all_reduce(torch::ones({world.rank() == 0 ? 2 : 3})).wait(); });
              EXPECT_TRUE(holds(text, "[2] float32 on rank 0")) << text;
              EXPECT_TRUE(holds(text, "[3] float32 on rank 1")) << text;
            },
            {.connect = {.timeout = 10s, .check = true}, .shutdown = false});
}

/// Past the checked calls, so that what follows is between the backends alone.
void use_up_checked_calls(Communicator& group) {
  for (int i = 0; i < 21; ++i) group.all_reduce(torch::ones({2})).wait();
}

TEST(Faults, ADeadPeerIsAnErrorForTheSurvivors) {
  run_ranks(3,
            [](World& world) {
              auto& all = world.communicator();
              use_up_checked_calls(all);
              if (world.rank() == 1) ::raise(SIGKILL);
              const auto start = Clock::now();
              const std::string text = error_of<CommError>([&] {
                for (int i = 0; i < 100; ++i) all.all_reduce(torch::ones({1000})).wait();
              });
              EXPECT_LT(Clock::now() - start, 5s);
              EXPECT_TRUE(holds(text, "all_reduce #22 (world, 4.0 kB")) << text;
              EXPECT_TRUE(holds(text, "died")) << text;
              EXPECT_THROW(all.barrier().wait(), CommError);
            },
            {.shutdown = false, .killed = {1}});
}

TEST(Faults, APeerThatDiesInTheCheckedCallsIsNamed) {
  run_ranks(3,
            [](World& world) {
              auto& all = world.communicator();
              all.barrier().wait();
              if (world.rank() == 2) ::raise(SIGKILL);
              const std::string text =
                  error_of<CommError>([&] { all.all_reduce(torch::ones({3})).wait(); });
              EXPECT_TRUE(holds(text, "all_reduce #2 (world, 12 B")) << text;
              EXPECT_TRUE(holds(text, "found rank 2 missing")) << text;
            },
            {.connect = {.timeout = 1s}, .shutdown = false, .killed = {2}});
}

/// In the state "stopped by a signal", as /proc says.
bool is_stopped(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const auto after_name = text.rfind(") ");
  return after_name != std::string::npos && text[after_name + 2] == 'T';
}

TEST(Faults, AHolderOfTheStoreThatIsStoppedIsNamedWithinTheTimeout) {
  run_ranks(2,
            [](World& world) {
              auto& all = world.communicator();
              all.barrier().wait();
              if (world.rank() == 0) {
                world.store()->set("pid", std::to_string(::getpid()));
                EXPECT_TRUE(world.store()->get("is read", 20s));
                ::raise(SIGSTOP);
                return;
              }
              const pid_t holder = std::stoi(world.store()->get("pid", 20s).value_or("0"));
              ASSERT_GT(holder, 0);
              world.store()->set("is read", "");  // nobody answers a set
              while (!is_stopped(holder)) std::this_thread::sleep_for(1ms);
              auto start = Clock::now();
              const std::string text =
                  error_of<CommError>([&] { all.all_reduce(torch::ones({2})).wait(); });
              EXPECT_GE(Clock::now() - start, 2s);
              EXPECT_LT(Clock::now() - start, 10s);
              EXPECT_TRUE(holds(text, "store 127.0.0.1:")) << text;
              EXPECT_TRUE(holds(text,
                                "expected an answer of rank 0, which holds the job's store, within "
                                "2 s, found none"))
                  << text;
              EXPECT_EQ(text.find('\n'), std::string::npos);
              // and the store is not waited for again
              start = Clock::now();
              EXPECT_TRUE(
                  holds(error_of<CommError>([&] { world.store()->set("key", "value"); }), "none"));
              EXPECT_THROW(world.store()->clone(), CommError);
              EXPECT_LT(Clock::now() - start, 10s);
              ::kill(holder, SIGKILL);
            },
            {.connect = {.timeout = 2s, .check = true},
             .shutdown = false,
             .killed = {0},
             .rank0_holds_store = true});
}

TEST(Messages, ThoseThatAreNotComparedStayBehindThoseThatWait) {
  run_ranks(2, [](World& world) {
    constexpr int kMessages = 30;  // 20 of them are compared
    auto& all = world.communicator();
    std::vector<torch::Tensor> tensors;
    std::vector<Work> works;
    for (const int tag : {3, 4}) {
      if (world.rank() == 0) {
        EXPECT_TRUE(world.store()->get(fmt::format("waits/{}", tag), 20s));
      }
      tensors.clear();
      works.clear();
      for (int i = 0; i < kMessages; ++i) {
        tensors.push_back(torch::full({2}, world.rank() == 0 ? i : -1));
        works.push_back(world.rank() == 0 ? all.send(tensors.back(), 1, tag)
                                          : all.recv(tensors.back(), 0, tag));
      }
      if (world.rank() == 1) {
        world.store()->set(fmt::format("waits/{}", tag), "1");
        if (tag == 4) std::reverse(works.begin(), works.end());
      }
      for (auto& work : works) work.wait();
      for (int i = 0; i < kMessages; ++i)
        EXPECT_EQ(tensors[static_cast<std::size_t>(i)][1].item<int>(), i) << "tag " << tag;
    }
  });
}

TEST(Messages, AComparedOneHasTheTimeoutOfItsWait) {
  run_ranks(2,
            [](World& world) {
              if (world.rank() == 1) {
                const auto a = world.communicator().split("a", 0, 1);
                const auto b = world.communicator().split("b", 0, 1);
                EXPECT_TRUE(world.store()->get("given up", 20s));
                return;
              }
              const auto a = world.communicator().split("a", 0, 0);
              const auto b = world.communicator().split("b", 0, 0);
              auto x = torch::ones({2});
              const auto start = Clock::now();
              Work received = a->recv(x, 1), sent = b->send(x, 1);
              std::string text = error_of<CommError>([&] { received.wait(300ms); });
              EXPECT_TRUE(holds(text, "matching send of rank 1 within 0.3 s")) << text;
              text = error_of<CommError>([&] { sent.wait(300ms); });
              EXPECT_TRUE(holds(text, "matching recv of rank 1 within 0.3 s")) << text;
              EXPECT_LT(Clock::now() - start, 10s);
              world.store()->set("given up", "1");
            },
            {.shutdown = false});
}

TEST(Faults, ALateRankIsATimeoutThatNamesTheCall) {
  run_ranks(2,
            [](World& world) {
              auto tp = world.communicator().split("tp", 0, world.rank());
              use_up_checked_calls(*tp);
              if (world.rank() == 1) {  // joins nothing until the other one has given up
                EXPECT_TRUE(world.store()->get("given up", 20s));
                return;
              }
              auto tensor = torch::ones({500}), received = torch::ones({2});
              Work work = tp->all_reduce(tensor);
              EXPECT_FALSE(work.is_done());
              const auto start = Clock::now();
              std::string text = error_of<CommError>([&] { work.wait(400ms); });
              EXPECT_GE(Clock::now() - start, 400ms);
              EXPECT_LT(Clock::now() - start, 5s);
              for (const char* part : {"rank 0", "all_reduce #22", "tp", "2.0 kB", "sum", "0.4 s"})
                EXPECT_TRUE(holds(text, part)) << part << ": " << text;
              world.store()->set("given up", "1");
            },
            {.shutdown = false});
}

TEST(Faults, AbortWakesWhatWaits) {
  run_ranks(2,
            [](World& world) {
              auto a = world.communicator().split("a", 0, world.rank());
              auto b = world.communicator().split("b", 0, world.rank());
              use_up_checked_calls(*a);
              for (int i = 0; i < 21; ++i) {
                auto x = torch::ones({1});
                world.rank() == 0 ? b->send(x, 1).wait() : b->recv(x, 0).wait();
              }
              if (world.rank() == 0) {
                EXPECT_TRUE(world.store()->get("given up", 20s));
                return;
              }
              auto x = torch::ones({4}), y = torch::ones({4});
              const auto start = Clock::now();
              Work reduce = a->all_reduce(x), receive = b->recv(y, 0);
              std::thread watchdog([&] { world.abort("rank 0 hangs in 'load batch'"); });
              const std::string text = error_of<CommError>([&] { reduce.wait(); });
              EXPECT_TRUE(holds(text, "rank 0 hangs in 'load batch'")) << text;
              EXPECT_THROW(receive.wait(), CommError);
              watchdog.join();
              EXPECT_LT(Clock::now() - start, 5s);
              world.store()->set("given up", "1");
            },
            {.shutdown = false});
}

ProcessContext two_ranks(std::uint16_t port, int rank) {
  ProcessContext context;
  context.rank = context.local_rank = rank;
  context.world_size = context.local_world_size = 2;
  context.master_address = "127.0.0.1";
  context.master_port = port;
  context.job_token = "a";
  return context;
}

TEST(Connect, AMissingRankIsNamed) {
  StoreServer server("127.0.0.1", 0);
  auto context = two_ranks(server.port(), 0);
  context.launcher_holds_store = true;
  const std::string text =
      error_of<CommError>([&] { connect(context, {.connect_timeout = 300ms}); });
  EXPECT_TRUE(holds(text, "expected all 2 ranks within 0.3 s, found rank 1 missing")) << text;
  // the store now belongs to job a
  context.job_token = "b";
  const std::string other =
      error_of<ConfigError>([&] { connect(context, {.connect_timeout = 300ms}); });
  EXPECT_TRUE(holds(other, "'b'") && holds(other, "'a'")) << other;
}

TEST(Connect, APortInUseAndAStoreThatIsNotThereAreErrors) {
  auto server = std::make_unique<StoreServer>("127.0.0.1", 0);
  const std::uint16_t port = server->port();
  std::string text =
      error_of<CommError>([&] { connect(two_ranks(port, 0), {.connect_timeout = 1s}); });
  EXPECT_TRUE(holds(text, "MASTER_PORT") && holds(text, std::to_string(port))) << text;
  server.reset();
  const auto start = Clock::now();
  text = error_of<CommError>([&] { connect(two_ranks(port, 1), {.connect_timeout = 1s}); });
  EXPECT_LT(Clock::now() - start, 10s);
  EXPECT_TRUE(holds(text, "MASTER_ADDR") && holds(text, "within 1 s")) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Connect, RefusesAnotherHostsAddressAndNcclWithoutItsLibrary) {
  auto context = two_ranks(1234, 0);
  context.local_world_size = 1;
  context.master_address = "192.0.2.1";
  EXPECT_TRUE(holds(error_of<ConfigError>([&] { connect(context); }), "192.0.2.1"));
  EXPECT_TRUE(
      holds(error_of<ConfigError>([] { connect(ProcessContext{}, {.backend = Backend::kNccl}); }),
            "parallel.backend"));
}

TEST(Connect, RanksThatShareAGpuAreRefusedUnlessTheBackendIsGloo) {
  test::RankOptions options;
  options.connects = false;
  run_ranks(
      3,
      [](World&) {
        const auto context = ProcessContext::from_environment();
        ConnectOptions with{.timeout = 20s, .connect_timeout = 20s};
        with.device_id = context.rank == 0 ? "0000:01:00.0" : "0000:02:00.0";
        const auto text = error_of<ConfigError>([&] { connect(context, with); });
        EXPECT_TRUE(holds(text, "GPU 0000:02:00.0 of ")) << text;
        EXPECT_TRUE(holds(text, " for ranks 1, 2;")) << text;
      },
      options);
  run_ranks(
      3,
      [](World&) {
        const auto context = ProcessContext::from_environment();
        ConnectOptions with{.backend = Backend::kGloo, .timeout = 20s, .connect_timeout = 20s};
        with.device_id = "0000:02:00.0";
        connect(context, with)->shutdown();
      },
      options);
}

TEST(Connect, AWorldOfOneIsConnectedLikeAnyOtherWhenAskedTo) {
  const auto world = connect(ProcessContext{}, {.connect_alone = true});
  auto& group = world->communicator();
  EXPECT_STREQ(group.backend(), "gloo");
  EXPECT_TRUE(group.is_connected());
  const auto x = torch::arange(4.0);
  auto gathered = torch::zeros({4}), scattered = torch::zeros({4}), moved = torch::zeros({4});
  for (int round = 0; round < 30; ++round) {  // past the compared calls
    group.all_reduce(x, ReduceOp::kMax).wait();
    group.broadcast(x, 0).wait();
    group.all_gather(gathered.zero_(), x).wait();
    group.reduce_scatter(scattered.zero_(), x).wait();
    group.all_to_all(moved.zero_(), x).wait();
    group.barrier().wait();
    for (const auto& found : {x, gathered, scattered, moved})
      EXPECT_TRUE(torch::equal(found, torch::arange(4.0)));
  }
  DeviceMesh mesh(*world, {});
  EXPECT_STREQ(mesh.axis("dp").backend(), "gloo");
  EXPECT_TRUE(mesh.axis("dp").is_connected());
  world->store()->set("key", "value");
  EXPECT_EQ(world->store()->get("key", 1s), "value");
  world->shutdown();
  EXPECT_FALSE(connect(ProcessContext{})->communicator().is_connected());
}

TEST(Connect, AWorldOfOneNeedsNothing) {
  const auto world = connect(ProcessContext{});
  EXPECT_EQ(world->size(), 1);
  auto x = torch::ones({2});
  world->communicator().all_reduce(x).wait();
  EXPECT_EQ(x[0].item<int>(), 1);
  EXPECT_EQ(world->store(), nullptr);
  world->shutdown();
}

}  // namespace
}  // namespace precinct::parallel
