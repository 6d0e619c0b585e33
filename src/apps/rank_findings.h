// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cuda_library.h"
#include "apps/machine_findings.h"

namespace precinct::apps {

/// What one rank of a job says of itself, and what rank 0 measured of it.
struct RankFacts {
  std::int64_t rank = 0, local_rank = 0, pid = 0;
  std::string host;
  std::vector<int> cores;  ///< that it may run on
  std::int64_t threads = 1;
  std::vector<Gpu> gpus;                    ///< that it sees
  NcclVersions nccl;                        ///< zeros without the GPU library
  std::string precinct, libtorch;           ///< versions
  std::string address, interface;           ///< where the other ranks reach it
  double clock_ms = 0, clock_error_ms = 0;  ///< its clock less rank 0's, and how sure that is
  std::vector<Finding> troubles;            ///< what is not fine on its machine
};

/// Sums of all ranks over one backend.
struct AllReduceProbe {
  std::string backend;
  std::int64_t small_bytes = 0, large_bytes = 0;
  double small_ms = 0, large_ms = 0;  ///< medians
  bool sums_right = false;
  std::string error;  ///< why there are no figures; empty when there are
};

/// A parallel job as its ranks see it.
struct JobFacts {
  std::string source;  ///< whose variables: torchrun, slurm, openmpi
  std::string store_address;
  std::int64_t store_port = 0;
  std::string store_holder;  ///< "the launcher", "rank 0's agent" or "rank 0"
  std::vector<RankFacts> ranks;
  std::vector<AllReduceProbe> probes;  ///< none in a world of one
  std::int64_t own_rank = 0;           ///< of this process; not in the JSON
};

void to_json(nlohmann::json& json, const JobFacts& job);
/// What is not there keeps its default: the other side may be of another version.
void from_json(const nlohmann::json& json, JobFacts& job);
void to_json(nlohmann::json& json, const RankFacts& rank);
void from_json(const nlohmann::json& json, RankFacts& rank);

/// The GPU that a rank would train on; nullptr when it sees none.
const Gpu* gpu_of(const RankFacts& rank);

/// Whether each rank has a GPU of its own and all have one NCCL.
bool can_use_nccl(const std::vector<RankFacts>& ranks);

/// 22809 -> "2.28.9"; "none" for 0.
std::string nccl_text(int version);

/// Network, sums, versions, cores, GPUs, NCCL and clocks of a job, then what is not fine on the
/// machines of ranks above 0. Each with what to do about it.
std::vector<Finding> look_at_job(const JobFacts& job);

/// One line a rank, after a line of headings.
std::string rank_table(const JobFacts& job);

}  // namespace precinct::apps
