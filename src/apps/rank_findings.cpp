// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/rank_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <map>
#include <set>
#include <type_traits>

namespace precinct::apps {

NLOHMANN_JSON_SERIALIZE_ENUM(Level, {{Level::kFine, "fine"},
                                     {Level::kNote, "note"},
                                     {Level::kProblem, "problem"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Finding, name, level, found, remedy)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Gpu, address, name)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(NcclVersions, compiled, loaded)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AllReduceProbe, backend, small_bytes, large_bytes,
                                                small_ms, large_ms, sums_right, error)

namespace {

using Numbers = std::vector<std::int64_t>;

/// {0, 1, 2, 5} -> "0-2,5".
template <typename Number>
std::string ranges(const std::vector<Number>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", numbers[i]);
    if (last > i) text += fmt::format("-{}", numbers[last]);
    i = last + 1;
  }
  return text;
}

std::string ranks_text(const Numbers& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s", ranges(ranks));
}

/// Ranks by what `value` says of each.
template <typename Value>
std::map<std::string, Numbers> ranks_by(const std::vector<RankFacts>& ranks, const Value& value) {
  std::map<std::string, Numbers> groups;
  for (const auto& rank : ranks) groups[value(rank)].push_back(rank.rank);
  return groups;
}

/// "2.11.0 (ranks 0-1), 2.10.0 (rank 2)".
std::string groups_text(const std::map<std::string, Numbers>& groups) {
  std::vector<std::string> parts;
  parts.reserve(groups.size());
  for (const auto& [value, ranks] : groups)
    parts.push_back(fmt::format("{} ({})", value.empty() ? "none" : value, ranks_text(ranks)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::size_t num_hosts(const JobFacts& job) {
  return ranks_by(job.ranks, [](const RankFacts& r) { return r.host; }).size();
}

Finding ranks(const JobFacts& job) {
  const std::size_t hosts = num_hosts(job);
  return {"ranks", Level::kFine,
          fmt::format("{} on {} host{}, by the variables of {}", job.ranks.size(), hosts,
                      hosts == 1 ? "" : "s", job.source),
          ""};
}

Finding network(const JobFacts& job) {
  const auto interfaces = ranks_by(job.ranks, [](const RankFacts& r) { return r.interface; });
  Finding finding{
      "network", Level::kFine,
      fmt::format("interface {}; they meet at {} port {}, held by {}", groups_text(interfaces),
                  job.store_address, job.store_port, job.store_holder),
      ""};
  if (num_hosts(job) == 1) return finding;
  if (interfaces.size() > 1) {
    finding.level = Level::kNote;
    finding.remedy =
        "ranks use interfaces of several names; if they are not one network, set "
        "GLOO_SOCKET_IFNAME (for GPUs NCCL_SOCKET_IFNAME too)";
  }
  Numbers unreachable;
  for (const auto& rank : job.ranks)
    if (rank.address.starts_with("127.")) unreachable.push_back(rank.rank);
  if (!unreachable.empty()) {
    finding.level = Level::kNote;
    finding.found += fmt::format("; {} at a loopback address", ranks_text(unreachable));
    finding.remedy =
        "other hosts cannot reach a loopback address: set GLOO_SOCKET_IFNAME to the interface "
        "between the hosts";
  }
  return finding;
}

Finding all_reduce(const JobFacts& job, const AllReduceProbe& probe) {
  Finding finding{"all-reduce", Level::kFine, "", ""};
  if (!probe.error.empty()) {
    finding.level = Level::kNote;
    finding.found = fmt::format("{}: {}", probe.backend, probe.error);
    finding.remedy =
        "runs can use parallel.backend: gloo; see NCCL's own reason with NCCL_DEBUG=INFO";
    return finding;
  }
  const double rate = static_cast<double>(probe.large_bytes) / 1e6 / (probe.large_ms / 1e3);
  finding.found = fmt::format("{}: {} bytes in {:.3f} ms, {:.1f} MB in {:.2f} ms ({:.0f} MB/s), {}",
                              probe.backend, probe.small_bytes, probe.small_ms,
                              static_cast<double>(probe.large_bytes) / 1e6, probe.large_ms, rate,
                              probe.sums_right ? "sums right" : "a sum is wrong");
  if (!probe.sums_right) {
    finding.level = Level::kProblem;
    finding.remedy =
        "do not train here: look for differing versions above, then for faulty memory or network";
  } else if (num_hosts(job) > 1 && rate < 100) {
    finding.level = Level::kNote;
    finding.remedy =
        "expected 100 MB/s between hosts; if there is a faster network, set GLOO_SOCKET_IFNAME to "
        "its interface, else send less: larger batches, parallel.bucket_mb";
  }
  return finding;
}

Finding versions(const JobFacts& job) {
  const auto groups = ranks_by(job.ranks, [](const RankFacts& r) {
    return fmt::format("precinct {}, LibTorch {}", r.precinct, r.libtorch);
  });
  if (groups.size() == 1) return {"versions", Level::kFine, "the same on all ranks", ""};
  return {"versions", Level::kProblem, groups_text(groups),
          "ranks of one job must be one build: start it from a path that all hosts see"};
}

/// More threads than cores on a host, whether the launcher or the scheduler pinned the ranks.
Finding cores(const JobFacts& job) {
  Finding finding{"cores", Level::kFine, "", ""};
  for (const auto& [host, members] :
       ranks_by(job.ranks, [](const RankFacts& r) { return r.host; })) {
    std::set<int> allowed;
    std::int64_t threads = 0;
    for (const auto& rank : job.ranks) {
      if (rank.host != host) continue;
      allowed.insert(rank.cores.begin(), rank.cores.end());
      threads += rank.threads;
    }
    const auto count = static_cast<std::int64_t>(allowed.size());
    if (finding.level == Level::kNote) continue;  // the first host that is too full is named
    finding.found = fmt::format("{}: {} use {} thread{} on {} core{}", host, ranks_text(members),
                                threads, threads == 1 ? "" : "s", count, count == 1 ? "" : "s");
    if (threads <= count) continue;
    finding.level = Level::kNote;
    finding.remedy = fmt::format(
        "they slow each other: set OMP_NUM_THREADS to {}, or ask for more cores (Slurm: "
        "--cpus-per-task)",
        std::max<std::int64_t>(1, count / static_cast<std::int64_t>(members.size())));
    if (count < static_cast<std::int64_t>(members.size()))
      finding.remedy =
          "they slow each other: start fewer ranks on this host, or ask for more "
          "cores (Slurm: --cpus-per-task)";
  }
  return finding;
}

/// Ranks by the GPU that each would take; "" for none.
std::map<std::string, Numbers> ranks_by_gpu(const JobFacts& job) {
  return ranks_by(job.ranks, [](const RankFacts& rank) {
    const Gpu* gpu = gpu_of(rank);
    return gpu == nullptr ? "" : fmt::format("{} {} {}", rank.host, gpu->address, gpu->name);
  });
}

Finding gpus(const JobFacts& job) {
  const auto groups = ranks_by_gpu(job);
  if (groups.size() == 1 && groups.begin()->first.empty())
    return {"GPUs", Level::kFine, "no rank sees one: the job runs on the CPUs", ""};
  Finding finding{"GPUs", Level::kFine, groups_text(groups), ""};
  if (groups.contains("")) {
    finding.level = Level::kNote;
    finding.remedy =
        "some ranks see no GPU: ask for one each (Slurm: --gpus-per-task=1), or pass --device cpu";
  }
  for (const auto& [gpu, members] : groups) {
    if (gpu.empty() || members.size() == 1) continue;
    finding.level = Level::kNote;
    finding.found = fmt::format("{} share {}; all: {}", ranks_text(members), gpu, finding.found);
    finding.remedy =
        "NCCL cannot share a GPU: start fewer ranks, ask for one each (Slurm: --gpus-per-task=1), "
        "or set parallel.backend: gloo";
    break;
  }
  return finding;
}

Finding nccl(const JobFacts& job) {
  const auto groups = ranks_by(job.ranks, [](const RankFacts& r) {
    return fmt::format("compiled {}, loaded {}", nccl_text(r.nccl.compiled),
                       nccl_text(r.nccl.loaded));
  });
  const bool all_alike = std::all_of(job.ranks.begin(), job.ranks.end(), [](const RankFacts& r) {
    return r.nccl.compiled == r.nccl.loaded;
  });
  Finding finding{"NCCL", Level::kFine, groups_text(groups), ""};
  if (groups.size() > 1 || !all_alike) {
    finding.level = Level::kNote;
    finding.remedy = fmt::format(
        "install NCCL {} on every host and leave other ones out of LD_LIBRARY_PATH; until then set "
        "parallel.backend: gloo",
        nccl_text(job.ranks.front().nccl.compiled));
  }
  return finding;
}

Finding clocks(const JobFacts& job) {
  const auto& far = *std::max_element(
      job.ranks.begin(), job.ranks.end(),
      [](const auto& a, const auto& b) { return std::abs(a.clock_ms) < std::abs(b.clock_ms); });
  Finding finding{"clocks", Level::kFine,
                  fmt::format("at most {:.3f} ms apart (rank {}, +- {:.3f})",
                              std::abs(far.clock_ms), far.rank, far.clock_error_ms),
                  ""};
  if (std::abs(far.clock_ms) > 1000)
    finding.remedy = "no harm: nothing compares clocks of two hosts; NTP makes logs easier to read";
  return finding;
}

/// What is not fine on ranks above 0 and is not said by rank 0's own machine; once a host.
std::vector<Finding> troubles_elsewhere(const JobFacts& job) {
  std::set<std::pair<std::string, std::string>> said;
  for (const auto& trouble : job.ranks.front().troubles)
    said.insert({job.ranks.front().host, trouble.name});
  std::vector<Finding> findings;
  for (const auto& rank : job.ranks) {
    for (const auto& trouble : rank.troubles) {
      if (!said.insert({rank.host, trouble.name}).second) continue;
      findings.push_back(trouble);
      findings.back().found = fmt::format("rank {} ({}): {}", rank.rank, rank.host, trouble.found);
    }
  }
  return findings;
}

/// Calls `visit` with the key and the member of each field of the JSON.
template <typename Facts, typename Visit>
requires std::same_as<std::remove_const_t<Facts>, RankFacts>
void visit_fields(Facts& r, const Visit& visit) {
  visit("rank", r.rank);
  visit("local_rank", r.local_rank);
  visit("pid", r.pid);
  visit("host", r.host);
  visit("cores", r.cores);
  visit("threads", r.threads);
  visit("gpus", r.gpus);
  visit("nccl", r.nccl);
  visit("precinct", r.precinct);
  visit("libtorch", r.libtorch);
  visit("address", r.address);
  visit("interface", r.interface);
  visit("clock_ms", r.clock_ms);
  visit("clock_error_ms", r.clock_error_ms);
  visit("troubles", r.troubles);
}

template <typename Facts, typename Visit>
requires std::same_as<std::remove_const_t<Facts>, JobFacts>
void visit_fields(Facts& job, const Visit& visit) {
  visit("source", job.source);
  visit("store_address", job.store_address);
  visit("store_port", job.store_port);
  visit("store_holder", job.store_holder);
  visit("ranks", job.ranks);
  visit("all_reduce", job.probes);
}

template <typename Facts>
void write_fields(nlohmann::json& json, const Facts& facts) {
  json = nlohmann::json::object();
  visit_fields(facts, [&](const char* key, const auto& value) { json[key] = value; });
}

template <typename Facts>
void read_fields(const nlohmann::json& json, Facts& facts) {
  visit_fields(facts, [&](const char* key, auto& value) { value = json.value(key, value); });
}

}  // namespace

void to_json(nlohmann::json& json, const RankFacts& rank) { write_fields(json, rank); }

void from_json(const nlohmann::json& json, RankFacts& rank) { read_fields(json, rank); }

void to_json(nlohmann::json& json, const JobFacts& job) { write_fields(json, job); }

void from_json(const nlohmann::json& json, JobFacts& job) { read_fields(json, job); }

const Gpu* gpu_of(const RankFacts& rank) {
  if (rank.gpus.empty()) return nullptr;
  return &rank.gpus[static_cast<std::size_t>(rank.local_rank) % rank.gpus.size()];
}

bool can_use_nccl(const std::vector<RankFacts>& ranks) {
  std::set<std::string> gpus;
  for (const auto& rank : ranks) {
    const Gpu* gpu = gpu_of(rank);
    if (gpu == nullptr || !gpus.insert(rank.host + " " + gpu->address).second) return false;
    if (rank.nccl.compiled == 0 || rank.nccl.loaded != ranks.front().nccl.loaded) return false;
  }
  return !ranks.empty();
}

std::string nccl_text(int version) {
  if (version <= 0) return "none";
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::vector<Finding> look_at_job(const JobFacts& job) {
  std::vector<Finding> findings = {ranks(job), versions(job)};
  if (job.ranks.size() > 1) findings.push_back(network(job));
  for (const auto& probe : job.probes) findings.push_back(all_reduce(job, probe));
  findings.push_back(cores(job));
  findings.push_back(gpus(job));
  if (std::any_of(job.ranks.begin(), job.ranks.end(),
                  [](const RankFacts& r) { return r.nccl.compiled > 0; }))
    findings.push_back(nccl(job));
  if (job.ranks.size() > 1) findings.push_back(clocks(job));
  for (auto& trouble : troubles_elsewhere(job)) findings.push_back(std::move(trouble));
  return findings;
}

std::string rank_table(const JobFacts& job) {
  using Row = std::vector<std::string>;
  std::vector<Row> rows = {{"rank", "host", "pid", "cores", "threads", "GPU", "interface",
                            "address", "clock to rank 0", "precinct", "LibTorch"}};
  for (const auto& r : job.ranks) {
    const Gpu* gpu = gpu_of(r);
    rows.push_back(
        {std::to_string(r.rank), r.host, std::to_string(r.pid), ranges(r.cores),
         std::to_string(r.threads),
         gpu == nullptr ? "none"
                        : fmt::format("{} of {}: {} {}", gpu - r.gpus.data(), r.gpus.size(),
                                      gpu->name, gpu->address),
         r.interface.empty() ? "-" : r.interface, r.address.empty() ? "-" : r.address,
         r.rank == 0 ? "0" : fmt::format("{:+.3f} ms +- {:.3f}", r.clock_ms, r.clock_error_ms),
         r.precinct, r.libtorch});
  }
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c)
      line += fmt::format("{:<{}}{}", row[c], widths[c], c + 1 < row.size() ? "  " : "");
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace precinct::apps
