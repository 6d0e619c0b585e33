// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/process_context.h"

#include <charconv>
#include <cstdlib>
#include <numeric>

#include "base/error.h"
#include "parallel/host_address.h"
#include "parallel/host_list.h"

namespace precinct::parallel {
namespace {

using Lookup = ProcessContext::Lookup;

std::int64_t whole_number(const std::string& name, const std::string& text) {
  std::int64_t value = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  PRECINCT_CHECK(error == std::errc() && stop == end && value >= 0, ConfigError,
                 "{}: expected a whole number from 0, found '{}'; it comes from the launcher, do "
                 "not set it by hand",
                 name, text);
  return value;
}

/// The variables of one launcher.
class Variables {
 public:
  Variables(const Lookup& lookup, std::vector<std::string> marks, std::vector<std::string> needed)
      : lookup_(lookup) {
    for (const auto& name : marks)
      if (lookup(name)) first_mark_ = first_mark_.empty() ? name : first_mark_;
    for (const auto& name : needed)
      if (!lookup(name)) missing_ += (missing_.empty() ? "" : ", ") + name;
  }
  bool present() const { return !first_mark_.empty(); }
  bool complete() const { return present() && missing_.empty(); }
  std::string why_incomplete(const std::string& source) const {
    return fmt::format(
        "{}: expected all variables of {}, found it without {}; set them all or unset it",
        first_mark_, source, missing_);
  }
  std::int64_t number(const std::string& name) const {
    return whole_number(name, lookup_(name).value());
  }
  std::int64_t number_or(const std::string& name, std::int64_t otherwise) const {
    const auto text = lookup_(name);
    return text ? whole_number(name, *text) : otherwise;
  }

 private:
  const Lookup& lookup_;
  std::string first_mark_, missing_;
};

std::uint16_t port_number(const Lookup& lookup, std::int64_t otherwise) {
  const auto text = lookup("MASTER_PORT");
  const std::int64_t port = text ? whole_number("MASTER_PORT", *text) : otherwise;
  PRECINCT_CHECK(port >= 1 && port <= 65535, ConfigError,
                 "MASTER_PORT: expected a port from 1 to 65535, found {}; set a free one", port);
  return static_cast<std::uint16_t>(port);
}

/// A port that all ranks of a job compute alike and other jobs hardly ever share; below those that
/// Linux gives to whoever connects (32768 and above).
std::int64_t port_of(std::uint64_t job, std::uint64_t step) {
  return 20000 + static_cast<std::int64_t>((job + 7919 * step) % 12000);
}

void check_ranges(const ProcessContext& context, const char* rank, const char* world,
                  const char* local_rank) {
  PRECINCT_CHECK(context.rank < context.world_size, ConfigError,
                 "{}: expected less than {} ({}), found {}; the variables contradict each other",
                 rank, context.world_size, world, context.rank);
  PRECINCT_CHECK(
      context.local_rank < context.local_world_size &&
          context.local_world_size <= context.world_size && context.local_rank <= context.rank,
      ConfigError,
      "{}: expected it to fit rank {} of {} with {} ranks on this host, found {}; the "
      "variables contradict each other",
      local_rank, context.rank, context.world_size, context.local_world_size, context.local_rank);
}

ProcessContext from_torchrun(const Lookup& lookup, const Variables& variables) {
  ProcessContext context;
  context.source = "torchrun";
  context.rank = variables.number("RANK");
  context.world_size = variables.number("WORLD_SIZE");
  context.local_rank = variables.number("LOCAL_RANK");
  context.local_world_size = variables.number("LOCAL_WORLD_SIZE");
  context.restart_count = variables.number_or("TORCHELASTIC_RESTART_COUNT", 0);
  context.master_address = lookup("MASTER_ADDR").value();
  context.master_port = port_number(lookup, 0);
  context.launcher_holds_store = lookup("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  context.job_token =
      lookup("TORCHELASTIC_RUN_ID")
          .value_or(fmt::format("torchrun.{}.{}", context.master_address, context.master_port));
  check_ranges(context, "RANK", "WORLD_SIZE", "LOCAL_RANK");
  return context;
}

/// Rank 0's host: MASTER_ADDR, the step's first host, or the launching node. The last is often the
/// login node, so rank 0 asks whether it is there before it listens.
std::string slurm_master(const Lookup& lookup, const std::vector<std::string>& hosts,
                         const ProcessContext::Resolves& resolves) {
  if (const auto address = lookup("MASTER_ADDR")) return *address;
  if (resolves(hosts.front())) return hosts.front();
  if (const auto address = lookup("SLURM_LAUNCH_NODE_IPADDR")) return *address;
  throw ConfigError(fmt::format(
      "SLURM_STEP_NODELIST: expected a first host that has an address, found '{}', and neither "
      "MASTER_ADDR nor SLURM_LAUNCH_NODE_IPADDR; export MASTER_ADDR with rank 0's address",
      hosts.front()));
}

/// The step's own variable where it is set: in the shell of salloc the other one may be the job's,
/// or missing.
const char* step_or_job(const Lookup& lookup, const char* step, const char* job) {
  return lookup(step) ? step : job;
}

const char* tasks_name(const Lookup& lookup) {
  return step_or_job(lookup, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS");
}

const char* counts_name(const Lookup& lookup) {
  return step_or_job(lookup, "SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE");
}

ProcessContext from_slurm(const Lookup& lookup, const Variables& variables) {
  ProcessContext context;
  context.source = "slurm";
  context.rank = variables.number("SLURM_PROCID");
  const std::string tasks = tasks_name(lookup), counts_from = counts_name(lookup);
  context.world_size = variables.number(tasks);
  context.local_rank = variables.number("SLURM_LOCALID");
  context.restart_count = variables.number_or("SLURM_RESTART_COUNT", 0);
  context.hosts = expand_host_list(lookup("SLURM_STEP_NODELIST").value(), "SLURM_STEP_NODELIST");
  const std::int64_t node = variables.number("SLURM_NODEID");
  if (context.world_size == 1) {  // the shell of salloc: one task where the job has several
    const std::int64_t of_job = variables.number_or("SLURM_NTASKS", 1);
    if (of_job > 1) context.tasks_beside = of_job;
  }
  const auto counts = expand_counts(lookup(counts_from).value(), counts_from);
  const std::int64_t sum = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  PRECINCT_CHECK(counts.size() == context.hosts.size() && sum == context.world_size &&
                     node < static_cast<std::int64_t>(counts.size()),
                 ConfigError,
                 "{}: expected {} tasks on {} hosts ({}, SLURM_STEP_NODELIST) and node {} "
                 "among them, found {} tasks on {} hosts; the variables contradict each other",
                 counts_from, context.world_size, context.hosts.size(), tasks, node, sum,
                 counts.size());
  context.local_world_size = counts[static_cast<std::size_t>(node)];
  check_ranges(context, "SLURM_PROCID", tasks.c_str(), "SLURM_LOCALID");
  const auto job = static_cast<std::uint64_t>(variables.number("SLURM_JOB_ID"));
  const auto step = static_cast<std::uint64_t>(variables.number_or("SLURM_STEP_ID", 0));
  context.job_token = fmt::format("slurm.{}.{}.{}", job, step, context.restart_count);
  context.master_port = port_number(lookup, port_of(job, step));
  return context;
}

ProcessContext from_openmpi(const Lookup& lookup, const Variables& variables) {
  ProcessContext context;
  context.source = "openmpi";
  context.rank = variables.number("OMPI_COMM_WORLD_RANK");
  context.world_size = variables.number("OMPI_COMM_WORLD_SIZE");
  context.local_rank = variables.number("OMPI_COMM_WORLD_LOCAL_RANK");
  context.local_world_size = variables.number_or("OMPI_COMM_WORLD_LOCAL_SIZE", context.world_size);
  check_ranges(context, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
               "OMPI_COMM_WORLD_LOCAL_RANK");
  const std::string job =
      lookup("OMPI_MCA_ess_base_jobid").value_or(lookup("PMIX_NAMESPACE").value_or("0"));
  std::uint64_t number = 0;
  for (const char digit : job) number = number * 31 + static_cast<unsigned char>(digit);
  context.job_token = "openmpi." + job;
  context.master_port = port_number(lookup, port_of(number, 0));
  return context;
}

std::string openmpi_master(const Lookup& lookup, bool one_host) {
  if (const auto address = lookup("MASTER_ADDR")) return *address;
  PRECINCT_CHECK(one_host, ConfigError,
                 "MASTER_ADDR: expected rank 0's address, since Open MPI does not say it and the "
                 "ranks are on several hosts, found nothing; pass it with mpirun -x MASTER_ADDR");
  return "127.0.0.1";
}

/// The set that counts, with rank 0's address.
ProcessContext with_master(ProcessContext context, const Lookup& lookup,
                           const ProcessContext::Resolves& resolves) {
  if (context.source == "slurm" && context.world_size > 1)
    context.master_address = slurm_master(lookup, context.hosts, resolves);
  if (context.source == "openmpi")
    context.master_address = openmpi_master(lookup, context.one_host());
  if (context.hosts.empty()) context.hosts = {context.master_address};
  if (const auto token = lookup("PRECINCT_JOB_TOKEN")) context.job_token = *token;
  context.agent_holds_store = !context.launcher_holds_store &&
                              lookup(ProcessContext::kAgentStoreVariable) == context.job_token;
  return context;
}

bool same_ranks(const ProcessContext& a, const ProcessContext& b) {
  return a.rank == b.rank && a.world_size == b.world_size;
}

/// Whether each task of `outer` started the same number of `inner`'s ranks, or `outer` is a step
/// with a daemon of mpirun on each host but perhaps mpirun's own; daemons start as many ranks as
/// they are told to.
bool is_inside(const ProcessContext& inner, const ProcessContext& outer) {
  if (inner.source == "openmpi" && outer.source == "slurm" && outer.local_world_size == 1 &&
      inner.world_size > outer.world_size)
    return true;
  return inner.world_size == outer.world_size * inner.local_world_size &&
         inner.rank == outer.rank * inner.local_world_size + inner.local_rank;
}

}  // namespace

ProcessContext ProcessContext::from_variables(const Lookup& lookup, const Resolves& resolves) {
  const Variables torchrun(
      lookup, {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
      {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"});
  // a batch shell has SLURM_PROCID too, but is no task of a step: it has no step's hosts
  const Variables slurm(lookup, {"SLURM_STEP_NODELIST"},
                        {"SLURM_PROCID", tasks_name(lookup), "SLURM_LOCALID", "SLURM_NODEID",
                         counts_name(lookup), "SLURM_JOB_ID"});
  const Variables openmpi(
      lookup, {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
      {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"});
  const auto refuse_incomplete = [](const Variables& variables, const std::string& source) {
    PRECINCT_CHECK(variables.complete() || !variables.present(), ConfigError, "{}",
                   variables.why_incomplete(source));
  };
  refuse_incomplete(torchrun, "torchrun");
  refuse_incomplete(slurm, "a Slurm step");
  refuse_incomplete(openmpi, "Open MPI");

  std::vector<ProcessContext> found;
  if (torchrun.complete()) found.push_back(from_torchrun(lookup, torchrun));
  if (slurm.complete()) found.push_back(from_slurm(lookup, slurm));
  if (openmpi.complete()) found.push_back(from_openmpi(lookup, openmpi));
  if (found.empty()) {
    ProcessContext alone;
    if (lookup("SLURM_JOB_ID"))
      alone.tasks_beside = whole_number("SLURM_NTASKS", lookup("SLURM_NTASKS").value_or("1"));
    return alone;
  }
  std::size_t best = 0;
  for (std::size_t i = 1; i < found.size(); ++i) {
    const ProcessContext &a = found[best], &b = found[i];
    if (same_ranks(a, b) || is_inside(a, b)) continue;
    PRECINCT_CHECK(is_inside(b, a), ConfigError,
                   "rank variables: expected one launcher, found rank {} of {} by {} and rank {} "
                   "of {} by {}; unset the variables of one of them",
                   a.rank, a.world_size, a.source, b.rank, b.world_size, b.source);
    best = i;
  }
  return with_master(found[best], lookup, resolves);
}

ProcessContext ProcessContext::from_environment() {
  return from_variables(
      [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
      },
      host_resolves);
}

}  // namespace precinct::parallel
