// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "config/experiment_config.h"

namespace precinct::apps {
namespace {

struct ConfigArguments {
  std::vector<std::string> files, assignments;
  bool json = false;
};

config::ExperimentConfig load(const ConfigArguments& a) {
  return config::load_experiment({a.files.begin(), a.files.end()}, a.assignments);
}

int check(const ConfigArguments& a) {
  const auto c = load(a);
  config::require_panel(c);
  config::require_that_keys_agree(c);
  if (a.json) {
    fmt::print("{}\n", nlohmann::json({{"run", config::run_name(c)},
                                       {"training_hash", config::training_hash(c)}})
                           .dump(2));
  } else {
    fmt::print("fine: run {}, training hash {}\n", config::run_name(c),
               config::training_hash(c).substr(0, 16));
  }
  return 0;
}

}  // namespace

void add_config_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("config", "check, show or explain configuration files");
  command->require_subcommand(1);
  command->footer(
      "Example: precinct config check configs/west_la/gat_tcn.yaml --set train.epochs=5\n"
      "Exit codes: 0 done; 2 a key or value is wrong; 6 a file is missing.");
  auto a = std::make_shared<ConfigArguments>();
  const auto add = [&](const char* name, const char* text, bool files, std::function<int()> run) {
    auto* verb = command->add_subcommand(name, text);
    if (files) {
      verb->add_option("config", a->files, "YAML files, merged left to right")->required();
      verb->add_option("--set", a->assignments, "key=value, after the files; may be given again")
          ->allow_extra_args(false);
    }
    verb->footer(fmt::format("Example: precinct config {}{}", name,
                             files ? " configs/west_la/gat_tcn.yaml --set train.epochs=5" : ""));
    verb->callback([&action, run] { action = run; });
    return verb;
  };
  add("check", "report every problem at once", true, [a] {
    return check(*a);
  })->add_flag("--json", a->json, "name of the run and hash as JSON");
  add("show", "print the resolved configuration", true, [a] {
    fmt::print("{}", config::to_yaml(load(*a)));
    return 0;
  });
  add("reference", "print all keys with defaults and ranges, as docs/configuration.md", false, [] {
    fmt::print("{}", config::reference_markdown());
    return 0;
  });
}

}  // namespace precinct::apps
