// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/rank_probe.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/util/Logging.h>
#include <fmt/format.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <numeric>

#include "apps/build_info.h"
#include "base/error.h"
#include "launch/rank_environment.h"
#include "parallel/c10d_communicator.h"
#include "parallel/host_address.h"
#include "parallel/process_context.h"
#include "parallel/world.h"

namespace precinct::apps {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr int kSmallRounds = 25, kLargeRounds = 9, kClockRounds = 9;
constexpr std::int64_t kSmallFloats = 1, kLargeFloats = 1 << 20;

/// The ranks of one job while doctor looks at them.
class RankProbe {
 public:
  RankProbe(const parallel::ProcessContext& context, Milliseconds timeout)
      : context_(context), options_{.timeout = timeout, .connect_timeout = timeout} {
    FLAGS_caffe2_log_level =
        3;  // fatal: c10d prints a stack of frames for a rank that is not there
    options_.checked_calls = 0;  // the comparison would be in the figures
    world_ = parallel::connect(context, options_);
  }

  /// The same on all ranks.
  JobFacts look(const std::vector<Finding>& machine) {
    JobFacts job;
    job.source = context_.source;
    job.store_address = context_.one_host() ? "127.0.0.1" : context_.master_address;
    job.store_port = context_.master_port;
    job.store_holder = context_.store_holder();
    job.own_rank = context_.rank;
    for (const auto& text : gather("facts", json(own_facts(machine)).dump()))
      job.ranks.push_back(json::parse(text).get<RankFacts>());
    if (world_->size() > 1) {
      measure_clocks(job.ranks);
      job.probes.push_back(all_reduce(world_->communicator(), at::kCPU));
      if (can_use_nccl(job.ranks)) job.probes.push_back(all_reduce_by_nccl(job.ranks));
    }
    const auto texts = gather("job", context_.rank == 0 ? json(job).dump() : "{}");
    json::parse(texts.front()).get_to(job);
    return job;
  }

  void part() {
    std::fflush(stdout);
    std::signal(SIGTERM, SIG_IGN);  // the launcher's, when another rank leaves with a problem first
    gather("said", "");
    world_->shutdown();
  }

 private:
  RankFacts own_facts(const std::vector<Finding>& machine) const {
    RankFacts facts;
    facts.rank = context_.rank;
    facts.local_rank = context_.local_rank;
    facts.pid = ::getpid();
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) == 0) facts.host = host.data();
    facts.cores = launch::allowed_cores();
    facts.threads = at::get_num_threads();
    facts.gpus = visible_gpus();
    facts.nccl = nccl_versions().value_or(NcclVersions());
    facts.precinct = build_version();
    facts.libtorch = TORCH_VERSION;
    facts.address = world_->address();
    facts.interface = parallel::interface_of(facts.address);
    std::copy_if(machine.begin(), machine.end(), std::back_inserter(facts.troubles),
                 [](const Finding& finding) { return finding.level != Level::kFine; });
    return facts;
  }

  /// What each rank says, through the store, which builds of other versions understand too.
  std::vector<std::string> gather(const std::string& name, const std::string& own) {
    if (world_->size() == 1) return {own};
    world_->store()->set(fmt::format("doctor/{}/{}", name, context_.rank), own);
    std::vector<std::string> texts;
    for (std::int64_t r = 0; r < context_.world_size; ++r) {
      const auto text =
          world_->store()->get(fmt::format("doctor/{}/{}", name, r), options_.timeout);
      PRECINCT_CHECK(text, CommError,
                     "rank {}: doctor: expected rank {} to answer ({}) within {} s, found nothing; "
                     "look at that rank's output and host",
                     context_.rank, r, name, static_cast<double>(options_.timeout.count()) / 1e3);
      texts.push_back(*text);
    }
    return texts;
  }

  /// Rank 0 asks each rank for its time; the quickest answer counts, since there the way back can
  /// differ least from the way there.
  void measure_clocks(std::vector<RankFacts>& ranks) {
    auto& group = world_->communicator();
    const at::Tensor time = at::zeros({1}, at::kLong);
    const auto now = [] {
      return std::chrono::duration<double, std::milli>(
                 std::chrono::system_clock::now().time_since_epoch())
          .count();
    };
    for (int r = 1; r < group.size(); ++r) {
      if (group.rank() != 0 && group.rank() != r) continue;
      double quickest = -1;
      for (int round = 0; round < kClockRounds; ++round) {
        if (group.rank() == r) {
          group.recv(time, 0).wait();
          time.fill_(std::chrono::system_clock::now().time_since_epoch().count());
          group.send(time, 0).wait();
          continue;
        }
        const double start = now();
        group.send(time, r).wait();
        group.recv(time, r).wait();
        const double end = now();
        if (quickest >= 0 && end - start >= quickest) continue;
        quickest = end - start;
        const std::chrono::system_clock::duration theirs(time.item<std::int64_t>());
        ranks[static_cast<std::size_t>(r)].clock_ms =
            std::chrono::duration<double, std::milli>(theirs).count() - (start + end) / 2;
        ranks[static_cast<std::size_t>(r)].clock_error_ms = quickest / 2;
      }
    }
  }

  /// Median milliseconds of a sum over the ranks; `right` becomes false when one is wrong.
  static double median_ms(parallel::Communicator& group, const at::Tensor& tensor, int rounds,
                          bool& right) {
    const double sum = group.size() * (group.size() + 1) / 2.0;
    std::vector<double> times;
    for (int round = 0; round < rounds; ++round) {
      tensor.fill_(group.rank() + 1);
      group.barrier().wait();
      const auto start = Clock::now();
      group.all_reduce(tensor).wait();
      right &= tensor[0].item<double>() == sum;  // on a GPU: waits until it is there
      times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
      right &= tensor.eq(sum).all().item<bool>();
    }
    std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
    return times[static_cast<std::size_t>(rounds / 2)];
  }

  AllReduceProbe all_reduce(parallel::Communicator& group, at::Device device) {
    AllReduceProbe probe;
    probe.backend = group.backend();
    const auto options = at::TensorOptions(at::kFloat).device(device);
    const at::Tensor small = at::zeros({kSmallFloats}, options),
                     large = at::zeros({kLargeFloats}, options);
    probe.small_bytes = static_cast<std::int64_t>(small.nbytes());
    probe.large_bytes = static_cast<std::int64_t>(large.nbytes());
    bool right = true;
    probe.small_ms = median_ms(group, small, kSmallRounds, right);
    probe.large_ms = median_ms(group, large, kLargeRounds, right);
    const auto answers = gather("sums-" + probe.backend, right ? "right" : "wrong");
    probe.sums_right = std::count(answers.begin(), answers.end(), "right") ==
                       static_cast<std::ptrdiff_t>(answers.size());
    return probe;
  }

  AllReduceProbe all_reduce_by_nccl(const std::vector<RankFacts>& facts) {
    const auto& own = facts[static_cast<std::size_t>(context_.rank)];
    auto options = options_;
    options.backend = parallel::Backend::kNccl;
    options.device_index = static_cast<int>(gpu_of(own) - own.gpus.data());
    register_nccl();
    const auto registry =
        std::make_shared<parallel::GroupRegistry>(std::make_shared<parallel::Progress>());
    std::vector<int> members(facts.size());
    std::iota(members.begin(), members.end(), 0);
    AllReduceProbe probe;
    try {
      parallel::C10dCommunicator group("doctor", static_cast<int>(context_.rank), members,
                                       world_->store()->view("nccl"), options,
                                       std::chrono::steady_clock::now() + options.connect_timeout,
                                       world_->address(), registry);
      probe = all_reduce(group, {at::kCUDA, static_cast<c10::DeviceIndex>(options.device_index)});
      registry->close_all();
    } catch (const std::exception& error) {
      registry->give_up_all("doctor's probe failed");
      const std::string text = error.what();
      probe.backend = "nccl";
      probe.error = text.substr(0, text.find('\n'));
    }
    return probe;
  }

  const parallel::ProcessContext context_;
  parallel::ConnectOptions options_;
  std::unique_ptr<parallel::World> world_;
};

}  // namespace

bool look_at_ranks(const std::vector<Finding>& machine, Milliseconds timeout,
                   const std::function<void(const JobFacts&)>& report) {
  const auto context = parallel::ProcessContext::from_environment();
  if (context.source == "none") return false;
  RankProbe probe(context, timeout);
  report(probe.look(machine));
  probe.part();
  return true;
}

}  // namespace precinct::apps
