// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "apps/commands.h"
#include "apps/inspection.h"

namespace precinct::apps {
namespace {

struct InspectArguments {
  std::string path;
  bool json = false, no_verify = false;
};

int run_inspect(const InspectArguments& a) {
  const Inspection found = inspect_path(a.path, !a.no_verify);
  if (a.json) {
    fmt::print("{}\n", found.json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  std::size_t width = 0;
  for (const auto& [label, text] : found.lines) width = std::max(width, label.size());
  fmt::print("{} {}\n", found.json.at("kind").get<std::string>(), a.path);
  for (const auto& [label, text] : found.lines) fmt::print("  {:<{}}  {}\n", label, width, text);
  return 0;
}

}  // namespace

void add_inspect_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "inspect",
      "shape, ranges, checksums, sparkline of a panel, forecast, run, checkpoint or artifact");
  auto a = std::make_shared<InspectArguments>();
  command
      ->add_option("path", a->path,
                   "panel.h5, a forecast's .h5, a folder of these kinds, or a safetensors file")
      ->required();
  command->add_flag("--no-verify", a->no_verify, "do not compare checksums");
  command->add_flag("--json", a->json, "everything as JSON");
  command->footer(
      "Example: precinct inspect out/west_la/panel.h5\n"
      "         precinct inspect runs/west_la_crimenet/checkpoints\n"
      "Exit codes: 3 when it is damaged or something else, 6 when nothing is there.");
  command->callback([a, &action] { action = [a] { return run_inspect(*a); }; });
}

}  // namespace precinct::apps
