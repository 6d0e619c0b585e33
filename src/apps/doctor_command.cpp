// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/cuda_library.h"
#include "apps/machine_findings.h"
#include "apps/rank_findings.h"
#include "base/error.h"
#ifdef PRECINCT_TORCH
#include "apps/rank_probe.h"
#endif

namespace precinct::apps {
namespace {

struct DoctorArguments {
  std::string run_folder = "runs";
  double timeout_seconds = 60;
  bool json = false;
};

bool is_problem(const Finding& finding) { return finding.level == Level::kProblem; }

void print_text(const std::vector<Finding>& findings, const JobFacts* job, bool possible) {
  fmt::print("precinct {}\n", build_version());
  for (const auto& f : findings) {
    fmt::print("{:<8} {:<14} {}\n", to_string(f.level), f.name, f.found);
    if (!f.remedy.empty()) fmt::print("{:<8} {:<14} -> {}\n", "", "", f.remedy);
  }
  if (job != nullptr) fmt::print("\n{}\n", rank_table(*job));
  fmt::print("{}\n", !possible              ? "A run is not possible here: see each problem."
                     : why_no_gpu().empty() ? "Runs are possible here, on CPU and GPU."
                                            : "Runs are possible here, on the CPU.");
}

void print_json(const std::vector<Finding>& findings, const JobFacts* job, bool possible) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& f : findings)
    list.push_back({{"name", f.name},
                    {"level", to_string(f.level)},
                    {"found", f.found},
                    {"remedy", f.remedy}});
  nlohmann::json report = {{"version", build_version()},
                           {"cpu_run_possible", possible},
                           {"gpu_run_possible", possible && why_no_gpu().empty()},
                           {"findings", list}};
  if (job != nullptr) report["job"] = *job;
  fmt::print("{}\n", report.dump(2));
}

/// Prints what was found, of a job on its rank 0 alone; the exit code.
int report(const DoctorArguments& a, std::vector<Finding> findings, const JobFacts* job) {
  bool possible = std::none_of(findings.begin(), findings.end(), is_problem);
  if (job != nullptr) {
    for (auto& finding : look_at_job(*job)) findings.push_back(std::move(finding));
    // all ranks end with one code, though each saw its own machine only
    possible = std::none_of(findings.begin(), findings.end(), is_problem);
    for (const auto& rank : job->ranks)
      possible &= std::none_of(rank.troubles.begin(), rank.troubles.end(), is_problem);
  }
  if (job == nullptr || job->own_rank == 0)
    a.json ? print_json(findings, job, possible) : print_text(findings, job, possible);
  return possible ? 0 : static_cast<int>(ExitCode::kDevice);
}

int run_doctor(const DoctorArguments& a) {
  const auto findings = look_at_machine(a.run_folder);
#ifdef PRECINCT_TORCH
  const std::chrono::milliseconds timeout(std::llround(a.timeout_seconds * 1e3));
  int code = 0;
  if (look_at_ranks(findings, timeout,
                    [&](const JobFacts& job) { code = report(a, findings, &job); }))
    return code;
#endif
  return report(a, findings, nullptr);
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("doctor", "what this machine can do, and the remedy for what it cannot");
  auto a = std::make_shared<DoctorArguments>();
  command->add_option("--run-folder", a->run_folder, "where runs would be written")
      ->capture_default_str();
  command->add_flag("--json", a->json, "the findings as JSON");
  command
      ->add_option("--timeout", a->timeout_seconds,
                   "seconds to wait for the other ranks, below launch, srun, torchrun or mpirun")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->footer(
      "Example: precinct doctor --run-folder /scratch/runs\n"
      "Between ranks: precinct launch --nproc 2 -- precinct doctor, or srun --ntasks=2 precinct "
      "doctor\n"
      "Exit codes: 0 when a run on the CPU is possible, else 8; 4 when a rank is missing.");
  command->callback([a, &action] { action = [a] { return run_doctor(*a); }; });
}

}  // namespace precinct::apps
