// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/process_context.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "parallel/host_address.h"
#include "parallel/host_list.h"

namespace precinct::parallel {
namespace {

using Variables = std::map<std::string, std::string>;

ProcessContext context_of(const Variables& variables, bool resolves = true) {
  return ProcessContext::from_variables(
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      },
      [=](const std::string&) { return resolves; });
}

std::string refusal_of(const Variables& variables, bool resolves = true) {
  try {
    context_of(variables, resolves);
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_NE(text.find("expected"), std::string::npos) << text;
    EXPECT_NE(text.find("found"), std::string::npos) << text;
    EXPECT_NE(text.find(';'), std::string::npos) << text;
    return text;
  }
  return "accepted";
}

Variables torchrun() {
  return {{"RANK", "5"},
          {"WORLD_SIZE", "8"},
          {"LOCAL_RANK", "1"},
          {"LOCAL_WORLD_SIZE", "4"},
          {"MASTER_ADDR", "10.0.0.1"},
          {"MASTER_PORT", "29400"}};
}

/// Task 4 of 6 on n1-n3, as seen on a real step (`srun` of Slurm 22.05).
Variables slurm() {
  return {{"SLURM_PROCID", "4"},
          {"SLURM_NTASKS", "6"},
          {"SLURM_STEP_NUM_TASKS", "6"},
          {"SLURM_LOCALID", "0"},
          {"SLURM_NODEID", "2"},
          {"SLURM_STEP_NODELIST", "n[1-3]"},
          {"SLURM_TASKS_PER_NODE", "2(x3)"},
          {"SLURM_JOB_ID", "71234"},
          {"SLURM_STEP_ID", "1"},
          {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.9"}};
}

Variables openmpi() {
  return {{"OMPI_COMM_WORLD_RANK", "1"},
          {"OMPI_COMM_WORLD_SIZE", "2"},
          {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
          {"PMIX_NAMESPACE", "3141992449"}};
}

Variables both(Variables a, const Variables& b) {
  a.insert(b.begin(), b.end());
  return a;
}

Variables changed(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}

Variables without(Variables variables, const std::string& name) {
  variables.erase(name);
  return variables;
}

TEST(HostList, ExpandsRangesListsPaddingAndSeveralBrackets) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(expand_host_list("gpu[01-04,7]", "L"),
            (Names{"gpu01", "gpu02", "gpu03", "gpu04", "gpu7"}));
  EXPECT_EQ(expand_host_list("n1", "L"), (Names{"n1"}));
  EXPECT_EQ(expand_host_list("login,n[9-11]-ib,x[1]", "L"),
            (Names{"login", "n9-ib", "n10-ib", "n11-ib", "x1"}));
  EXPECT_EQ(expand_host_list("r[1-2]n[08-09]", "L"), (Names{"r1n08", "r1n09", "r2n08", "r2n09"}));
  EXPECT_EQ(expand_host_list("n[098-101]", "L"), (Names{"n098", "n099", "n100", "n101"}));
  EXPECT_EQ(expand_host_list("c[0-99999]", "L").size(), 100000U);
}

TEST(HostList, RefusesWhatSlurmNeverWrites) {
  for (const char* bad : {"n[1-", "n1]", "n[[1]]", "n[3-1]", "n[a-b]", "n[]", "n[1,,2]", ",n1",
                          "n[0-9999999]", "c[0-999]d[0-999]", "n[-1-2]"})
    EXPECT_THROW(expand_host_list(bad, "L"), ConfigError) << bad;
}

TEST(HostList, ExpandsCountsPerNode) {
  using Counts = std::vector<std::int64_t>;
  EXPECT_EQ(expand_counts("2(x3),1", "L"), (Counts{2, 2, 2, 1}));
  EXPECT_EQ(expand_counts("16", "L"), (Counts{16}));
  for (const char* bad : {"", "2(x", "2(x3", "x", "2,(x3)", "1(x999999999)"})
    EXPECT_THROW(expand_counts(bad, "L"), ConfigError) << bad;
}

TEST(ProcessContext, WithoutVariablesThereIsAWorldOfOne) {
  const auto context = context_of({});
  EXPECT_EQ(context.world_size, 1);
  EXPECT_EQ(context.rank, 0);
  EXPECT_EQ(context.source, "none");
  // a batch shell of Slurm has these, and is no task of a step
  const auto shell =
      context_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_JOB_ID", "7"}});
  EXPECT_EQ(shell.source, "none");
  EXPECT_EQ(shell.tasks_beside, 4);
  EXPECT_EQ(context_of({{"SLURM_JOB_ID", "7"}}).tasks_beside, 1);
  EXPECT_EQ(context.tasks_beside, 0);
  EXPECT_EQ(context_of(slurm()).tasks_beside, 0);
  // an address alone starts nothing
  EXPECT_EQ(context_of({{"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "1"}}).world_size, 1);
}

TEST(ProcessContext, ReadsTorchrun) {
  const auto context = context_of(torchrun());
  EXPECT_EQ(context.source, "torchrun");
  EXPECT_EQ(context.rank, 5);
  EXPECT_EQ(context.world_size, 8);
  EXPECT_EQ(context.local_rank, 1);
  EXPECT_EQ(context.local_world_size, 4);
  EXPECT_EQ(context.master_address, "10.0.0.1");
  EXPECT_EQ(context.master_port, 29400);
  EXPECT_FALSE(context.one_host());
  EXPECT_FALSE(context.launcher_holds_store);
  EXPECT_TRUE(
      context_of(changed(torchrun(), "TORCHELASTIC_USE_AGENT_STORE", "True")).launcher_holds_store);
}

TEST(ProcessContext, AnAgentMayHoldTheStoreOfItsOwnJob) {
  const char* name = ProcessContext::kAgentStoreVariable;
  EXPECT_FALSE(context_of(slurm()).agent_holds_store);
  EXPECT_TRUE(context_of(changed(slurm(), name, context_of(slurm()).job_token)).agent_holds_store);
  EXPECT_FALSE(context_of(changed(slurm(), name, "that of an outer job")).agent_holds_store);
}

TEST(ProcessContext, ReadsASlurmStepWithoutMasterAddress) {
  const auto context = context_of(slurm());
  EXPECT_EQ(context.source, "slurm");
  EXPECT_EQ(context.rank, 4);
  EXPECT_EQ(context.world_size, 6);
  EXPECT_EQ(context.local_rank, 0);
  EXPECT_EQ(context.local_world_size, 2);
  EXPECT_EQ(context.hosts, (std::vector<std::string>{"n1", "n2", "n3"}));
  EXPECT_EQ(context.master_address, "n1");
  EXPECT_GE(context.master_port, 20000);
  EXPECT_LT(context.master_port, 32768);
  EXPECT_EQ(context.job_token, "slurm.71234.1.0");
  // another task of the step computes the same port, another step another one
  auto other = changed(changed(slurm(), "SLURM_PROCID", "1"), "SLURM_LOCALID", "1");
  other["SLURM_NODEID"] = "0";
  EXPECT_EQ(context_of(other).master_port, context.master_port);
  EXPECT_NE(context_of(changed(slurm(), "SLURM_STEP_ID", "2")).master_port, context.master_port);
  EXPECT_EQ(context_of(changed(slurm(), "SLURM_RESTART_COUNT", "2")).job_token, "slurm.71234.1.2");
}

/// As `salloc --ntasks=4` starts it where use_interactive_step is set: what is not the step's own
/// is the job's.
TEST(ProcessContext, TheShellOfAnAllocationIsOneTaskHoweverManyItsJobHas) {
  auto shell = slurm();
  shell["SLURM_PROCID"] = shell["SLURM_NODEID"] = "0";
  shell["SLURM_NTASKS"] = "4";
  shell["SLURM_STEP_NUM_TASKS"] = "1";
  shell["SLURM_TASKS_PER_NODE"] = "4";
  shell["SLURM_STEP_TASKS_PER_NODE"] = "1";
  shell["SLURM_STEP_NODELIST"] = "n1";
  shell["SLURM_STEP_ID"] = "4294967290";
  EXPECT_EQ(context_of(shell).world_size, 1);
  EXPECT_EQ(context_of(shell).source, "slurm");
  EXPECT_EQ(context_of(shell).tasks_beside, 4);
  // with `salloc --nodes=1` the job has no number of tasks
  EXPECT_EQ(context_of(without(shell, "SLURM_NTASKS")).world_size, 1);
  EXPECT_EQ(context_of(without(shell, "SLURM_NTASKS")).tasks_beside, 0);
  // ranks that are started in it are its own
  const auto inner = changed(changed(torchrun(), "WORLD_SIZE", "4"), "RANK", "1");
  EXPECT_EQ(context_of(both(inner, shell)).world_size, 4);
  EXPECT_EQ(context_of(both(inner, shell)).tasks_beside, 0);
}

TEST(ProcessContext, SlurmTakesTheLaunchingNodeWhenNamesHaveNoAddress) {
  EXPECT_EQ(context_of(slurm(), false).master_address, "10.0.0.9");
  EXPECT_EQ(context_of(changed(slurm(), "MASTER_ADDR", "10.0.0.3"), false).master_address,
            "10.0.0.3");
  EXPECT_EQ(context_of(changed(slurm(), "MASTER_PORT", "1234")).master_port, 1234);
  EXPECT_NE(refusal_of(without(slurm(), "SLURM_LAUNCH_NODE_IPADDR"), false).find("'n1'"),
            std::string::npos);
}

TEST(ProcessContext, ReadsOpenMpi) {
  const auto context = context_of(openmpi());
  EXPECT_EQ(context.source, "openmpi");
  EXPECT_EQ(context.rank, 1);
  EXPECT_EQ(context.world_size, 2);
  EXPECT_EQ(context.master_address, "127.0.0.1");
  EXPECT_GE(context.master_port, 20000);
  const auto spread =
      changed(changed(openmpi(), "OMPI_COMM_WORLD_SIZE", "4"), "OMPI_COMM_WORLD_RANK", "3");
  EXPECT_NE(refusal_of(spread).find("MASTER_ADDR"), std::string::npos);
  EXPECT_EQ(context_of(changed(spread, "MASTER_ADDR", "h0")).master_address, "h0");
}

TEST(ProcessContext, FirstCompleteSetWinsWhenTheyAgree) {
  auto same = both(torchrun(), slurm());
  same["RANK"] = "4";
  same["WORLD_SIZE"] = "6";
  same["LOCAL_RANK"] = "0";
  same["LOCAL_WORLD_SIZE"] = "2";
  EXPECT_EQ(context_of(same).source, "torchrun");
}

TEST(ProcessContext, RanksInsideTheTasksOfAStepWin) {
  // srun started 6 agents, each of which started 4 ranks
  auto nested = both(torchrun(), slurm());
  nested["WORLD_SIZE"] = "24";
  nested["RANK"] = "17";
  EXPECT_EQ(context_of(nested).rank, 17);
  auto mpi = both(openmpi(), slurm());
  mpi["OMPI_COMM_WORLD_SIZE"] = "12";
  mpi["OMPI_COMM_WORLD_RANK"] = "9";
  mpi["MASTER_ADDR"] = "h";
  EXPECT_EQ(context_of(mpi).source, "openmpi");
}

/// Rank 2 of 3 below `mpirun -np 3` in an allocation of Slurm: mpirun runs on the first host, and a
/// step has a daemon on each other one.
TEST(ProcessContext, RanksOfMpirunInsideAnAllocationWin) {
  auto daemon = slurm();
  daemon["SLURM_PROCID"] = "0";
  daemon["SLURM_NTASKS"] = daemon["SLURM_STEP_NUM_TASKS"] = "1";
  daemon["SLURM_NODEID"] = "0";
  daemon["SLURM_STEP_NODELIST"] = "n2";
  daemon["SLURM_TASKS_PER_NODE"] = "1";
  const Variables rank = {{"OMPI_COMM_WORLD_RANK", "2"},
                          {"OMPI_COMM_WORLD_SIZE", "3"},
                          {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                          {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"},
                          {"MASTER_ADDR", "n1"}};
  const auto context = context_of(both(rank, daemon));
  EXPECT_EQ(context.source, "openmpi");
  EXPECT_EQ(context.rank, 2);
  EXPECT_EQ(context.world_size, 3);
  EXPECT_EQ(context.master_address, "n1");
  // tasks that share a host are no daemons
  daemon["SLURM_NTASKS"] = daemon["SLURM_STEP_NUM_TASKS"] = daemon["SLURM_TASKS_PER_NODE"] = "2";
  EXPECT_NE(refusal_of(both(rank, daemon)).find("rank 0 of 2 by slurm"), std::string::npos);
}

TEST(ProcessContext, RefusesSetsThatContradictEachOther) {
  const std::string text = refusal_of(both(torchrun(), slurm()));
  EXPECT_NE(text.find("rank 5 of 8 by torchrun"), std::string::npos) << text;
  EXPECT_NE(text.find("rank 4 of 6 by slurm"), std::string::npos) << text;
  // rank 1 of 2 started 4 each: ranks 4 to 7
  EXPECT_EQ(context_of(both(torchrun(), openmpi())).rank, 5);
  EXPECT_NE(refusal_of(both(changed(torchrun(), "RANK", "3"), openmpi())), "accepted");
}

TEST(ProcessContext, RefusesIncompleteSetsByTheMissingName) {
  for (const auto& [name, value] : torchrun()) {
    const std::string text = refusal_of(without(torchrun(), name));
    EXPECT_NE(text.find(name), std::string::npos) << text;
  }
  const auto step = without(slurm(), "SLURM_STEP_NUM_TASKS");
  for (const char* name : {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID",
                           "SLURM_TASKS_PER_NODE", "SLURM_JOB_ID"})
    EXPECT_NE(refusal_of(without(step, name)).find(name), std::string::npos) << name;
  EXPECT_NE(refusal_of(without(openmpi(), "OMPI_COMM_WORLD_SIZE")).find("OMPI_COMM_WORLD_SIZE"),
            std::string::npos);
  // also when another set is complete: nobody can tell which one was meant
  EXPECT_NE(refusal_of(both({{"RANK", "0"}}, slurm())).find("WORLD_SIZE"), std::string::npos);
}

TEST(ProcessContext, RefusesNumbersThatCannotBe) {
  EXPECT_NE(refusal_of(changed(torchrun(), "RANK", "8")).find("RANK"), std::string::npos);
  EXPECT_NE(refusal_of(changed(torchrun(), "RANK", "-1")).find("'-1'"), std::string::npos);
  EXPECT_NE(refusal_of(changed(torchrun(), "RANK", "five")).find("'five'"), std::string::npos);
  EXPECT_NE(refusal_of(changed(torchrun(), "LOCAL_RANK", "4")), "accepted");
  EXPECT_NE(refusal_of(changed(torchrun(), "LOCAL_WORLD_SIZE", "9")), "accepted");
  EXPECT_NE(refusal_of(changed(torchrun(), "MASTER_PORT", "70000")), "accepted");
  EXPECT_NE(refusal_of(changed(slurm(), "SLURM_TASKS_PER_NODE", "2(x2)")), "accepted");
  EXPECT_NE(refusal_of(changed(slurm(), "SLURM_STEP_NUM_TASKS", "5"))
                .find("expected 5 tasks on 3 hosts (SLURM_STEP_NUM_TASKS, "),
            std::string::npos);
  EXPECT_NE(refusal_of(changed(slurm(), "SLURM_STEP_NODELIST", "n[1-")), "accepted");
}

TEST(HostAddress, KnowsThisHost) {
  EXPECT_TRUE(is_this_host("127.0.0.1"));
  EXPECT_TRUE(is_this_host("localhost"));
  EXPECT_FALSE(is_this_host("192.0.2.1"));  // TEST-NET-1 belongs to nobody
  EXPECT_FALSE(is_this_host("no-such-host.invalid"));
  EXPECT_FALSE(host_resolves("no-such-host.invalid"));
  EXPECT_EQ(address_towards("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(interface_address("lo"), "127.0.0.1");
  EXPECT_THROW(interface_address("none0"), ConfigError);
  EXPECT_EQ(interface_of("127.0.0.1"), "lo");
  EXPECT_EQ(interface_of("192.0.2.1"), "");
}

}  // namespace
}  // namespace precinct::parallel
