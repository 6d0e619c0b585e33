// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>

#include "base/error.h"
#include "parallel/gather_texts.h"
#include "train/training_device.h"

namespace precinct::train {
namespace {

parallel::Backend backend_of(const std::string& name) {
  if (name == "nccl") return parallel::Backend::kNccl;
  return name == "gloo" ? parallel::Backend::kGloo : parallel::Backend::kAuto;
}

parallel::MeshSizes sizes_of(const config::ParallelConfig& parallel) {
  return {.dp = parallel.dp, .pp = parallel.pp, .tp = parallel.tp};
}

DeviceShare share_of(const config::ExperimentConfig& config,
                     const parallel::ProcessContext& context) {
  return {context.local_rank, context.local_world_size, config.parallel.backend != "gloo"};
}

}  // namespace

parallel::ConnectOptions connect_options(const config::ExperimentConfig& config,
                                         const parallel::ProcessContext& context) {
  parallel::ConnectOptions options;
  options.backend = backend_of(config.parallel.backend);
  options.timeout =
      std::chrono::milliseconds(static_cast<std::int64_t>(config.parallel.timeout_seconds * 1e3));
  // so that a start in vain ends, program start and reading included, within about `timeout`
  options.connect_timeout = options.timeout * 5 / 6;
  options.heartbeat =
      std::chrono::milliseconds(static_cast<std::int64_t>(config.parallel.heartbeat_seconds * 1e3));
  options.check = config.parallel.check;
  const torch::Device device = training_device(config.run.device, share_of(config, context));
  if (device.is_cuda()) options.device_index = device.index();
  return options;
}

Ranks::Ranks(parallel::World& world, const config::ExperimentConfig& config)
    : world_(world),
      device_(training_device(config.run.device, share_of(config, world.context()))),
      mesh_(world, agreed(sizes_of(config.parallel))) {}

/// Before any group is made: other sizes on one rank would leave the others waiting for a group.
parallel::MeshSizes Ranks::agreed(const parallel::MeshSizes& mine) {
  require_same("parallel.dp, parallel.pp, parallel.tp",
               fmt::format("{}, {}, {}", mine.dp, mine.pp, mine.tp));
  return mine;
}

void Ranks::note_step(std::int64_t step) {
  const auto word = static_cast<std::uint64_t>(step);
  all().note(word);
  for (const char* axis : {"dp", "pp", "tp"}) mesh_.axis(axis).note(word);
}

std::vector<std::string> Ranks::gather(const std::string& text) {
  return parallel::gather_texts(text, all());
}

void Ranks::lead(const std::function<void()>& body) {
  std::exception_ptr thrown;
  std::string said;  // code and line
  try {
    if (leads()) body();
  } catch (const std::exception& exception) {
    thrown = std::current_exception();
    const Error error = as_error(exception);
    said = fmt::format("{} {}", static_cast<int>(error.code()), error.what());
  }
  said = of_leader(said);
  if (thrown) std::rethrow_exception(thrown);
  if (said.empty()) return;
  const auto space = said.find(' ');
  throw Error(static_cast<ExitCode>(std::stoi(said)), said.substr(space + 1));
}

std::string Ranks::of_leader(const std::string& text) {
  return gather(leads() ? text : "").front();
}

void Ranks::require_same(const std::string& what, const std::string& text) {
  const auto texts = gather(text);
  for (std::size_t r = 1; r < texts.size(); ++r)
    PRECINCT_CHECK(texts[r] == texts[0], ConfigError,
                   "rank {}: {}: expected rank 0's {:.60}, found {:.60}; start all ranks with the "
                   "same files and arguments",
                   r, what, texts[0], texts[r]);
}

}  // namespace precinct::train
