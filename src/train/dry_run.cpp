// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/dry_run.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "parallel/fake_communicator.h"
#include "parallel/pipeline_schedule.h"
#include "train/learner.h"
#include "train/phase_data.h"
#include "train/training_device.h"

namespace precinct::train {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

/// Rank `rank` of a world whose other ranks do not exist, or are played one after another.
parallel::World fake_world(std::int64_t rank, std::int64_t size,
                           std::shared_ptr<parallel::FakeMail> mail = nullptr) {
  parallel::ProcessContext context;
  context.rank = context.local_rank = rank;
  context.world_size = context.local_world_size = size;
  return {context, std::make_unique<parallel::FakeCommunicator>(
                       "world", static_cast<int>(rank), static_cast<int>(size), std::move(mail))};
}

std::int64_t bytes_of(const models::NamedTensors& tensors) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

/// Bytes that cross each border between two layers in one micro-batch, forward.
std::vector<std::int64_t> border_bytes(models::ForecastModel& model, const data::Batch& batch) {
  const torch::NoGradGuard no_grad;
  std::vector<std::int64_t> bytes;
  models::TensorList carried;
  for (const auto& stage : model.stages()) {
    carried = stage.forward(std::move(carried), batch);
    bytes.push_back(0);
    for (const auto& tensor : carried) bytes.back() += static_cast<std::int64_t>(tensor.nbytes());
  }
  return bytes;
}

/// What a rank sends in one step, a line for each axis that has more than one rank.
std::string sent_in_a_step(Learner& learner, Ranks& ranks, const data::StepBatches& batches) {
  auto& fake = dynamic_cast<parallel::FakeCommunicator&>(ranks.all());
  const std::size_t before = fake.calls().size();
  learner.train_step(batches, 0);
  const auto calls = fake.calls();
  std::string text;
  for (const char* axis : {"dp", "pp", "tp"}) {
    const auto& group = ranks.mesh().axis(axis);
    if (group.size() == 1) continue;
    std::int64_t messages = 0, bytes = 0;
    for (std::size_t i = before; i < calls.size(); ++i) {
      if (calls[i].group != group.name() || calls[i].record.operation == parallel::Operation::kRecv)
        continue;
      ++messages;
      bytes += calls[i].record.bytes;
    }
    text += fmt::format("  {}  {} messages, {:.3f} MiB from this rank\n", axis, messages,
                        static_cast<double>(bytes) / kMiB);
  }
  return text;
}

}  // namespace

std::string dry_run(const config::ExperimentConfig& given, const data::Panel& panel,
                    const data::Split& split, std::int64_t world_size) {
  auto config = given;
  config.run.device = "cpu";  // whatever this machine has, and the job's hosts have
  check_supported(config, torch::kCPU);
  const auto ranges = ranges_of(Phase::kFit, config, split, panel.num_bins);
  std::optional<data::GammaPoissonConstants> anchor;
  if (config.head.anchor == "history") anchor = data::choose_gamma_poisson(panel, split.validation);
  const PhaseData data(config, panel, ranges, anchor, torch::kCPU);
  const std::int64_t steps = data.sampler().steps_per_epoch();
  const std::int64_t windows = data.sampler().num_windows();

  parallel::World any = fake_world(0, world_size);
  Ranks mesh_of(any, config);
  const std::int64_t dp = mesh_of.mesh().size("dp"), pp = mesh_of.mesh().size("pp"),
                     tp = mesh_of.mesh().size("tp");
  // shown is the last dp index: of uneven shards it has a largest one
  const std::int64_t shown = (dp - 1) * pp * tp;
  parallel::World first = fake_world(shown, world_size);
  Ranks ranks(first, config);
  auto options = batches_of(config, ranks);
  options.prefetch = 0;
  const auto batches = data::BatchPrefetcher(data.series(), data.sampler(), 0, options).next();
  std::int64_t own_windows = 0;
  for (const auto& batch : batches.micro_batches) own_windows += batch.num_windows();
  std::string text = fmt::format(
      "{} ranks: dp {} x pp {} x tp {}\n{} windows, {} steps an epoch; of a step's {} windows {} "
      "are rank {}'s, in {} micro-batches (no rank has more)\n",
      world_size, dp, pp, tp, windows, steps, batches.num_global_windows, own_windows, shown,
      batches.micro_batches.size());

  // whole, for comparison and for what crosses borders
  auto serial_config = config;
  serial_config.parallel.dp = -1;
  serial_config.parallel.tp = serial_config.parallel.pp = 1;
  parallel::World alone = fake_world(0, 1);
  Ranks one(alone, serial_config);
  Learner whole(serial_config, data.context(), steps, steps, one);
  std::vector<std::int64_t> borders;
  if (pp > 1 && !batches.micro_batches.empty())
    borders = border_bytes(whole.model(), batches.micro_batches.front());
  text += fmt::format("network {:.3f} MiB\n",
                      static_cast<double>(bytes_of(whole.optimizer().parameters())) / kMiB);

  const auto names = whole.model().stages();
  const auto mail = std::make_shared<parallel::FakeMail>();
  for (std::int64_t stage = 0; stage < pp; ++stage) {
    parallel::World world = fake_world(shown + stage * tp, world_size, mail);
    Ranks here(world, config);
    Learner learner(config, data.context(), steps, steps, here);
    const auto weights = bytes_of(learner.optimizer().parameters());
    const auto kept = bytes_of(learner.optimizer().state()) + bytes_of(learner.average().state()) +
                      learner.gradient_sum().kept_bytes();
    const auto [begin, end] = learner.stages_here();
    text += fmt::format(
        "stage {}: {} .. {}; a rank holds {:.3f} MiB of weights, {:.3f} MiB with gradients{} "
        "and optimiser (activations come on top)\n",
        stage, names[begin].name, names[end - 1].name, static_cast<double>(weights) / kMiB,
        static_cast<double>(2 * weights + kept) / kMiB,
        config.train.deterministic ? " of each part" : "");
    if (stage + 1 < pp && !borders.empty())
      text += fmt::format("  gives {:.3f} MiB a micro-batch to stage {}, and gets as much back\n",
                          static_cast<double>(borders[end - 1]) / kMiB, stage + 1);
    const std::string sent = sent_in_a_step(learner, here, batches);
    text += fmt::format("rank {} in one step:{}\n", shown + stage * tp,
                        sent.empty() ? " nothing is sent" : "") +
            sent;
  }
  if (pp > 1) {
    const auto schedule = parallel::make_schedule(
        parallel::schedule_kind(config.parallel.schedule), static_cast<int>(pp),
        static_cast<std::int64_t>(batches.micro_batches.size()));
    return text + "schedule of a step:\n" + parallel::table(schedule);
  }
  return text;
}

}  // namespace precinct::train
