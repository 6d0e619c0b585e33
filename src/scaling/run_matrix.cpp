// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "scaling/run_matrix.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/progress.h"
#include "parallel/host_address.h"
#include "scaling/measured_communicator.h"
#include "scaling/speedup.h"
#include "train/phase_data.h"
#include "train/training_device.h"

namespace precinct::scaling {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kWarmUpSteps = 2;  // of each run's first turn
constexpr std::int64_t kSettleSteps = 1;  // of its later ones: other runs have used the caches
constexpr std::int64_t kTrialSteps = 5;   // of each number of threads, after one more
constexpr std::int64_t kStagesToMicroBatches = 4;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What all runs of a network share.
struct Shared {
  const config::ExperimentConfig& config;
  const train::PhaseData& data;
  CommunicationMeter& meter;
  RunProbe* probe;
};

config::ExperimentConfig laid_out(config::ExperimentConfig config, const RankLayout& layout) {
  config.parallel.dp = layout.dp;
  config.parallel.pp = layout.pp;
  config.parallel.tp = layout.tp;
  if (layout.pp > 1 && config.parallel.num_micro_batches == 1)
    config.parallel.num_micro_batches = kStagesToMicroBatches * layout.pp;
  return config;
}

/// One way to train the network, built once, on this rank.
class Run {
 public:
  /// Throws ConfigError, the same on all ranks, when the network does not offer the layout.
  Run(std::string name, const RankLayout& layout, std::int64_t threads, parallel::World& world,
      const Shared& shared)
      : shared_(shared), ranks_(world, laid_out(shared.config, layout)) {
    times_.name = std::move(name);
    times_.layout = layout;
    times_.threads = threads;
    mine_.host = parallel::host_name();
    const auto config = laid_out(shared.config, layout);
    train::check_supported(config, ranks_.device());
    use_threads();
    const std::int64_t per_epoch = shared.data.sampler().steps_per_epoch();
    learner_ = std::make_unique<train::Learner>(
        config, shared.data.context(), per_epoch,
        config.train.steps > 0 ? config.train.steps : config.train.epochs * per_epoch, ranks_);
    auto options = train::batches_of(config, ranks_);
    options.prefetch = 0;
    batches_ = std::make_unique<data::BatchPrefetcher>(shared.data.series(), shared.data.sampler(),
                                                       0, options);
    if (shared_.probe != nullptr) shared_.probe->on_built(times_.name, *learner_);
  }

  /// `settle` steps that are not timed, then `steps` that are.
  void turn(std::int64_t settle, std::int64_t steps) {
    use_threads();
    for (std::int64_t i = 0; i < settle; ++i) step(false);
    const auto calls = shared_.meter.calls, bytes = shared_.meter.bytes;
    for (std::int64_t i = 0; i < steps; ++i) step(true);
    calls_ += shared_.meter.calls - calls;
    bytes_ += shared_.meter.bytes - bytes;
  }

  const RankTimes& mine() const { return mine_; }
  std::int64_t num_parameters() {
    std::int64_t count = 0;
    for (const auto& parameter : learner_->model().parameters()) count += parameter.numel();
    return count;
  }

  /// What this rank knows of it.
  RunTimes times() const {
    RunTimes times = times_;
    times.ranks = {mine_};
    const auto steps = static_cast<double>(std::max<std::size_t>(1, mine_.total.size()));
    times.calls_per_step = static_cast<double>(calls_) / steps;
    times.bytes_per_step = static_cast<double>(bytes_) / steps;
    times.windows_per_step = static_cast<double>(windows_) / steps;
    return times;
  }

 private:
  void use_threads() const { at::set_num_threads(static_cast<int>(times_.threads)); }

  void step(bool is_timed) {
    const double waited_before = shared_.meter.seconds;
    const auto begin = Clock::now();
    const data::StepBatches batches = batches_->next();
    for (const auto& batch : batches.micro_batches)
      times_.micro_batch = std::max(times_.micro_batch, batch.num_windows());
    if (shared_.probe != nullptr) shared_.probe->on_load(times_.name, step_);
    const double data_seconds = seconds_since(begin);
    learner_->train_step(batches, step_++);
    const auto seen = learner_->take_losses();  // waits for the device
    mine_.losses.push_back(seen.loss);
    mine_.gradient_norms.push_back(seen.gradient_norm);
    if (!is_timed) return;
    windows_ += batches.num_global_windows;
    mine_.total.push_back(seconds_since(begin));
    mine_.data.push_back(data_seconds);
    mine_.waiting.push_back(shared_.meter.seconds - waited_before);
  }

  const Shared shared_;
  train::Ranks ranks_;
  std::unique_ptr<train::Learner> learner_;
  std::unique_ptr<data::BatchPrefetcher> batches_;
  RunTimes times_;
  RankTimes mine_;
  std::int64_t step_ = 0, calls_ = 0, bytes_ = 0, windows_ = 0;
};

/// A run of the matrix as this rank sees it: its own run, none where it only waits, or a refusal.
struct Place {
  std::string name;
  RankLayout layout;
  std::string refused;
  std::unique_ptr<Run> run;
};

/// 1, 2, 4, ... and all cores.
std::vector<std::int64_t> thread_counts(std::int64_t cores) {
  std::vector<std::int64_t> counts;
  for (std::int64_t count = 1; count < cores; count *= 2) counts.push_back(count);
  counts.push_back(std::max<std::int64_t>(1, cores));
  return counts;
}

/// The seconds of a step with each number of threads.
std::vector<ThreadTrial> try_threads(std::int64_t cores, parallel::World& alone,
                                     const Shared& shared) {
  std::vector<ThreadTrial> trials;
  Shared unprobed = shared;
  unprobed.probe = nullptr;
  for (const std::int64_t threads : thread_counts(cores)) {
    Run run("trial", {}, threads, alone, unprobed);
    run.turn(1, kTrialSteps);
    trials.push_back({threads, quartiles(run.mine().total).median});
  }
  return trials;
}

std::int64_t fastest(const std::vector<ThreadTrial>& trials) {
  return std::min_element(trials.begin(), trials.end(),
                          [](const auto& a, const auto& b) { return a.seconds < b.seconds; })
      ->threads;
}

/// On all ranks; a refusal is the same on all of them.
Place build(const std::string& name, std::int64_t threads, parallel::World& world,
            const Shared& shared, train::Ranks& ranks) {
  Place place{name, RankLayout::parse(name, world.size()), {}, nullptr};
  try {
    place.run = std::make_unique<Run>(name, place.layout, threads, world, shared);
  } catch (const ConfigError& error) {
    place.refused = error.what();
  }
  for (const std::string& refusal : ranks.gather(place.refused))
    if (!refusal.empty()) place.refused = refusal;
  if (!place.refused.empty()) place.run.reset();
  return place;
}

/// Rank 0's view with the times of the other ranks.
RunTimes collect(const Place& place, train::Ranks& ranks) {
  RunTimes whole;
  whole.name = place.name;
  whole.layout = place.layout;
  whole.refused = place.refused;
  for (const std::string& text :
       ranks.gather(place.run ? nlohmann::json(place.run->times()).dump() : std::string())) {
    if (text.empty()) continue;
    const auto one = nlohmann::json::parse(text).get<RunTimes>();
    if (whole.ranks.empty()) {
      whole.threads = one.threads;
      whole.windows_per_step = one.windows_per_step;
    }
    whole.micro_batch = std::max(whole.micro_batch, one.micro_batch);
    whole.ranks.push_back(one.ranks.at(0));
    if (one.bytes_per_step >= whole.bytes_per_step) {
      whole.bytes_per_step = one.bytes_per_step;
      whole.calls_per_step = one.calls_per_step;
    }
  }
  return whole;
}

/// Runs the rounds; how many there were.
std::int64_t run_rounds(std::vector<Place>& places, const MatrixOptions& options,
                        train::Ranks& ranks, const std::string& title) {
  std::optional<Progress> progress;
  const auto turns = static_cast<std::uint64_t>(options.rounds) * places.size();
  if (ranks.leads()) progress.emplace(title, turns, "turns");
  const auto begin = Clock::now();
  std::uint64_t done = 0;
  std::int64_t round = 0;
  while (round < options.rounds) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      Place& place = places[(i + static_cast<std::size_t>(round)) % places.size()];
      ranks.all().barrier().wait();
      if (place.run) place.run->turn(round == 0 ? kWarmUpSteps : kSettleSteps, options.steps);
      if (progress) progress->update(++done, place.name);
    }
    ++round;
    const bool is_over = options.seconds > 0 && seconds_since(begin) >= options.seconds;
    if (!ranks.of_leader(is_over ? "over" : "").empty()) break;
  }
  if (progress) {
    progress->update(turns);
    progress->finish();
  }
  ranks.all().barrier().wait();
  return round;
}

struct Cores {
  std::int64_t of_host = 0, of_all = 0;  // that the ranks of this host, and all ranks, may use
};

/// Ranks of one host may share cores, or be bound to some each.
Cores count_cores(const std::vector<int>& mine, train::Ranks& ranks) {
  const auto own = nlohmann::json{{"host", parallel::host_name()}, {"cores", mine}}.dump();
  std::map<std::string, std::set<int>> by_host;
  for (const std::string& text : ranks.gather(own)) {
    const auto one = nlohmann::json::parse(text);
    for (const int core : one.at("cores").get<std::vector<int>>())
      by_host[one.at("host").get<std::string>()].insert(core);
  }
  Cores cores;
  for (const auto& [host, numbers] : by_host) cores.of_all += std::ssize(numbers);
  cores.of_host = std::ssize(by_host[parallel::host_name()]);
  return cores;
}

std::optional<data::GammaPoissonConstants> anchor_of(const config::ExperimentConfig& config,
                                                     const data::Panel& panel,
                                                     const data::Split& split,
                                                     train::Ranks& ranks) {
  if (config.head.anchor != "history") return {};
  nlohmann::json anchor;
  if (ranks.leads()) anchor = data::choose_gamma_poisson(panel, split.validation);
  return nlohmann::json::parse(ranks.of_leader(anchor.dump())).get<data::GammaPoissonConstants>();
}

}  // namespace

Measurement measure(const config::ExperimentConfig& config, const data::Panel& panel,
                    const std::string& panel_hash, parallel::World& world,
                    const MatrixOptions& options) {
  CommunicationMeter meter;
  parallel::World measured(world.context(),
                           std::make_unique<MeasuredCommunicator>(world.communicator(), meter));
  auto plain = config;
  plain.parallel.dp = -1;
  plain.parallel.pp = plain.parallel.tp = 1;
  train::Ranks ranks(world, plain);
  ranks.require_same("configuration (sha256)", config::training_hash(config));
  ranks.require_same("data.panel (sha256)", panel_hash);
  const auto split = train::split_of(config.data, panel.num_bins);
  const train::PhaseData data(config, panel,
                              train::ranges_of(train::Phase::kFit, config, split, panel.num_bins),
                              anchor_of(config, panel, split, ranks), ranks.device());
  const Shared shared{config, data, meter, options.probe};

  Measurement m;
  m.name = config::run_name(config);
  m.network = config.model.name;
  m.config_hash = config::training_hash(config);
  m.panel_hash = panel_hash;
  m.global_batch_size = config.train.global_batch_size;
  m.num_nodes = panel.num_nodes;
  m.lookback = config.data.lookback;
  m.horizon = config.data.horizon;
  m.num_ranks = world.size();
  const Cores cores = count_cores(options.cores, ranks);
  m.cores = cores.of_all;
  m.backend = world.communicator().backend();
  m.device = ranks.device().str();
  m.warm_up_steps = kWarmUpSteps;
  m.settle_steps = kSettleSteps;
  m.steps_per_round = options.steps;

  const auto alone = parallel::connect(parallel::ProcessContext());
  const int threads_before = at::get_num_threads();
  if (ranks.leads()) m.trials = try_threads(std::ssize(options.cores), *alone, shared);
  const std::int64_t serial_threads = std::stoll(
      ranks.of_leader(ranks.leads() ? std::to_string(fastest(m.trials)) : std::string()));
  std::vector<Place> places;
  const auto add_alone = [&](const std::string& name, std::int64_t threads) {
    places.push_back({name, {}, {}, nullptr});
    if (ranks.leads())
      places.back().run = std::make_unique<Run>(name, RankLayout(), threads, *alone, shared);
  };
  add_alone("serial", serial_threads);
  if (ranks.leads()) m.num_parameters = places.back().run->num_parameters();
  if (serial_threads > 1) add_alone("one thread", 1);
  const std::int64_t share =
      std::max<std::int64_t>(1, cores.of_host / world.context().local_world_size);
  for (const std::string& layout : options.layouts)
    places.push_back(build(layout, share, measured, shared, ranks));

  m.rounds = run_rounds(places, options, ranks, m.name);
  for (const Place& place : places) m.runs.push_back(collect(place, ranks));
  at::set_num_threads(threads_before);
  places.clear();
  return ranks.leads() ? m : Measurement();
}

}  // namespace precinct::scaling
