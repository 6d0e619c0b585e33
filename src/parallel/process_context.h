// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace precinct::parallel {

/// Who this process is in its job, read from the variables of whoever started it. Holds no torch
/// type, so that launchers and agents can use it.
///
/// Sets are looked for in this order: torchrun (RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE
/// MASTER_ADDR MASTER_PORT), a Slurm step (SLURM_PROCID SLURM_LOCALID SLURM_NODEID
/// SLURM_STEP_NODELIST SLURM_STEP_NUM_TASKS or SLURM_NTASKS, SLURM_STEP_TASKS_PER_NODE or
/// SLURM_TASKS_PER_NODE), Open MPI (OMPI_COMM_WORLD_RANK/SIZE/LOCAL_RANK). The first complete one
/// wins; a set whose ranks live inside the tasks of another one (torchrun or mpirun below srun)
/// wins over it. Incomplete sets, and sets that contradict each other, are refused. Without any
/// there is a world of one.
struct ProcessContext {
  std::int64_t rank = 0;
  std::int64_t world_size = 1;
  std::int64_t local_rank = 0;        ///< among the ranks of this host
  std::int64_t local_world_size = 1;  ///< ranks of this host
  std::int64_t restart_count = 0;     ///< how often the job was started again
  std::vector<std::string> hosts;     ///< as far as known, rank 0's first
  std::string master_address;         ///< where rank 0 or the launcher holds the store
  std::uint16_t master_port = 0;
  bool launcher_holds_store = false;  ///< at an address of its own choice
  bool agent_holds_store = false;     ///< rank 0's agent does, in its place; else rank 0
  std::string job_token;              ///< equal on all ranks of a job, other for other jobs
  std::string source = "none";        ///< torchrun | slurm | openmpi | none
  /// Tasks of the Slurm job whose shell this is, where it is none of its tasks; else 0.
  std::int64_t tasks_beside = 0;

  /// What an agent tells its rank 0 when it holds the store in its place: the job's token.
  static constexpr const char* kAgentStoreVariable = "PRECINCT_AGENT_STORE";

  /// Where the job's store is: inside one host nothing of it is to be seen from outside.
  std::string store_address() const {
    return one_host() && !launcher_holds_store ? "127.0.0.1" : master_address;
  }
  const char* store_holder() const {
    return launcher_holds_store ? "the launcher" : agent_holds_store ? "rank 0's agent" : "rank 0";
  }
  bool one_host() const { return local_world_size == world_size; }

  /// From this process's environment. Throws ConfigError, one line with the variable's name.
  static ProcessContext from_environment();

  /// Value of a variable, nothing when it is not set.
  using Lookup = std::function<std::optional<std::string>(const std::string&)>;
  /// Whether a host name has an address.
  using Resolves = std::function<bool(const std::string&)>;
  static ProcessContext from_variables(const Lookup& lookup, const Resolves& resolves);
};

}  // namespace precinct::parallel
