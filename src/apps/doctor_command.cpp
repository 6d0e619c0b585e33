// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/cuda_library.h"
#include "apps/machine_findings.h"
#include "base/error.h"

namespace precinct::apps {
namespace {

struct Arguments {
  std::string run_folder = "runs";
  bool json = false;
};

int run_doctor(const Arguments& a) {
  const auto findings = look_at_machine(a.run_folder);
  const auto problems = std::count_if(findings.begin(), findings.end(),
                                      [](const Finding& f) { return f.level == Level::kProblem; });
  if (a.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& f : findings)
      list.push_back({{"name", f.name},
                      {"level", to_string(f.level)},
                      {"found", f.found},
                      {"remedy", f.remedy}});
    fmt::print("{}\n", nlohmann::json({{"version", build_version()},
                                       {"cpu_run_possible", problems == 0},
                                       {"gpu_run_possible", problems == 0 && why_no_gpu().empty()},
                                       {"findings", list}})
                           .dump(2));
  } else {
    fmt::print("precinct {}\n", build_version());
    for (const auto& f : findings) {
      fmt::print("{:<8} {:<14} {}\n", to_string(f.level), f.name, f.found);
      if (!f.remedy.empty()) fmt::print("{:<8} {:<14} -> {}\n", "", "", f.remedy);
    }
    fmt::print("{}\n", problems > 0           ? "A run is not possible here: see each problem."
                       : why_no_gpu().empty() ? "Runs are possible here, on CPU and GPU."
                                              : "Runs are possible here, on the CPU.");
  }
  return problems == 0 ? 0 : static_cast<int>(ExitCode::kDevice);
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("doctor", "what this machine can do, and the remedy for what it cannot");
  auto a = std::make_shared<Arguments>();
  command->add_option("--run-folder", a->run_folder, "where runs would be written")
      ->capture_default_str();
  command->add_flag("--json", a->json, "the findings as JSON");
  command->footer(
      "Example: precinct doctor --run-folder /scratch/runs\n"
      "Exit codes: 0 when a run on the CPU is possible, else 8.");
  command->callback([a, &action] { action = [a] { return run_doctor(*a); }; });
}

}  // namespace precinct::apps
