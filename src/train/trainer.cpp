// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "parallel/same_tensors.h"
#include "train/stop_signal.h"
#include "train/training_device.h"

namespace precinct::train {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

Trainer::Trainer(const config::ExperimentConfig& config, const data::Panel& panel,
                 const std::string& panel_hash, const data::Split& split, const RunFolder& run,
                 Ranks& ranks, Options options)
    : config_(config),
      panel_(panel),
      split_(split),
      options_(options),
      ranks_(ranks),
      store_(run.checkpoints(), config.train.checkpoint.keep_last, /*writes=*/false),
      early_stop_(config.train.early_stop),
      agreement_(ranks) {
  check_supported(config_, ranks_.device());
  ranks_.lead(
      [&] { store_ = CheckpointStore(run.checkpoints(), config_.train.checkpoint.keep_last); });
  state_.config_hash = config::training_hash(config_);
  state_.panel_hash = panel_hash;
  state_.seed = config_.run.seed;
}

Trainer::~Trainer() = default;

TrainingResult Trainer::run() {
  const StopSignal stop_signal;
  resume();
  while (!finished_) {
    step();
    observe();
    agree();
    if (agreed_ == Wish::kFail) ranks_.lead([this] { fail_if_held(); });
    if (went_back()) continue;
    if (evaluation_due()) evaluate();
    if (checkpoint_due()) save();
    if (phase_done()) next_phase();
    leave_if_asked();
  }
  ranks_.progress().enter("end", state_.step);
  return result();
}

void Trainer::step() {
  ranks_.progress().enter("data", state_.step);
  ranks_.note_step(state_.step);
  const auto begin = Clock::now();
  const data::StepBatches batches = batches_->next();
  last_data_seconds_ = seconds_since(begin);
  ranks_.progress().enter("step", state_.step);
  learner_->train_step(batches, state_.phase_step);
  last_windows_ = batches.num_global_windows;
  state_.consumed = batches.consumed_after;
  ++state_.phase_step;
  ++state_.step;
}

void Trainer::agree() {
  Wish mine = Wish::kNone;
  if (ranks_.leads() && wants_save_by_time()) mine = Wish::kSave;
  if (StopSignal::received() != 0) mine = Wish::kLeave;
  if (held_failure_) mine = Wish::kFail;
  agreed_ = agreement_.next(mine);
}

bool Trainer::wants_save_by_time() const {
  const auto every = config::Duration::parse(config_.train.checkpoint.every);
  return every.unit == config::Duration::Unit::kSeconds && seconds_since(last_save_) >= every.value;
}

void Trainer::show(const std::function<void(Observer&)>& what) {
  try {
    for (auto& observer : observers_) what(*observer);
  } catch (const Error&) {
    if (ranks_.size() == 1 || !ranks_.leads()) throw;
    if (!held_failure_) held_failure_ = std::current_exception();
  }
}

void Trainer::fail_if_held() const {
  if (held_failure_) std::rethrow_exception(held_failure_);
}

void Trainer::observe() {
  show([&](Observer& o) { o.on_step(view(), last_windows_, last_data_seconds_); });
  if (state_.step % log_every() != 0) return;
  const auto losses = learner_->take_losses();
  const Figures figures = {
      {"train/loss", losses.loss},
      {"grad_norm", losses.gradient_norm},
      {"lr", learner_->schedule().lr(state_.phase_step - 1)},
      {"skipped_steps", static_cast<double>(learner_->guard().read().skipped)}};
  show([&](Observer& o) { o.on_losses(view(), figures); });
}

bool Trainer::phase_done() const {
  return state_.phase_step >= total_steps_ ||
         (state_.phase == Phase::kFit && early_stop_.should_stop());
}

bool Trainer::evaluation_due() const {
  if (state_.phase != Phase::kFit) return false;
  return state_.phase_step % evaluate_every_ == 0 || state_.phase_step >= total_steps_;
}

bool Trainer::checkpoint_due() const {
  if (phase_done()) return true;
  const auto every = config::Duration::parse(config_.train.checkpoint.every);
  if (every.unit == config::Duration::Unit::kSeconds) return agreed_ == Wish::kSave;
  return state_.phase_step % steps_in("train.checkpoint.every", config_.train.checkpoint.every) ==
         0;
}

void Trainer::evaluate() {
  ranks_.progress().enter("evaluate", state_.step);
  const AveragedWeights averaged(learner_->average());
  const Figures figures = scorer_->score(*learner_);
  const auto found = figures.find(config_.train.early_stop.metric);
  PRECINCT_CHECK(
      found != figures.end(), ConfigError,
      "train.early_stop.metric: expected val/NLL or val/loss, found '{}'; choose one of them",
      config_.train.early_stop.metric);
  PRECINCT_CHECK(std::isfinite(found->second), NumericError,
                 "step {}: {}: expected a finite score, found {}; the last checkpoint stays, lower "
                 "train.optimizer.lr",
                 state_.step, found->first, found->second);
  const bool is_best = early_stop_.observe(found->second, view().epoch(), state_.step);
  learner_->schedule().observe(found->second);
  show([&](Observer& o) { o.on_evaluation(view(), figures); });
  spdlog::debug("step {}: {} {:.5f}{}", state_.step, found->first, found->second,
                is_best ? " (best)" : "");
  if (is_best) {
    AveragedWeights plain(learner_->average());  // checkpoints hold weights and average apart
    save(/*is_best=*/true);
  }
}

void Trainer::save(bool is_best) {
  ranks_.progress().enter("save", state_.step);
  const auto bad = non_finite_tensors(learner_->optimizer().parameters());
  for (const auto& name : bad)
    PRECINCT_CHECK(name.starts_with("gradient"), NumericError,
                   "step {}: {}: expected finite weights, found others; nothing was saved, lower "
                   "train.optimizer.lr",
                   state_.step, name);
  state_.early_stop = early_stop_.state();
  state_.schedule = learner_->schedule().state();
  state_.loss_sums = learner_->loss_sums();
  state_.guard = learner_->guard().state();
  show([&](Observer& o) { o.before_checkpoint(state_); });
  state_.world_size = ranks_.all().size();
  for (const char* axis : {"dp", "pp", "tp"}) ranks_.mesh().axis(axis).compare_calls();
  ranks_.all().compare_calls();
  if (ranks_.dp().size() > 1)
    parallel::check_same_bytes(learner_->tensors_here(), ranks_.dp(),
                               fmt::format("before step {} is saved", state_.step));
  const auto tensors = learner_->tensors();
  ranks_.lead([&] {
    fail_if_held();
    store_.save(state_.step, is_best, [&](const std::filesystem::path& folder) {
      tensors.save(folder);
      write_file_atomically(folder / "state.json", state_.to_json().dump(2) + "\n");
    });
  });
  last_save_ = Clock::now();
}

void Trainer::resume() {
  ranks_.lead([this] { store_.clear_stopped(); });
  const auto checkpoint = newest_good();
  PRECINCT_CHECK(checkpoint || !options_.require_checkpoint, CheckpointError,
                 "--resume require: expected a checkpoint in the run folder, found none; start "
                 "with --resume auto");
  last_save_ = Clock::now();
  if (checkpoint) {
    restore(*checkpoint);
    // one rank says it for all
    spdlog::log(ranks_.leads() ? spdlog::level::info : spdlog::level::debug,
                "resumed from {} (phase {}, step {})", checkpoint->filename().string(),
                to_string(state_.phase), state_.step);
  } else {
    start();
  }
  if (phase_done()) next_phase();
}

void Trainer::start() {
  if (config_.head.anchor == "history") {
    state_.anchor = data::choose_gamma_poisson(panel_, split_.validation);
    state_.anchor = nlohmann::json::parse(ranks_.of_leader(state_.anchor.dump()));
    anchor_ = state_.anchor.get<data::GammaPoissonConstants>();
  }
  begin_phase();
  evaluate();  // epoch 0: what the anchor alone is worth
}

void Trainer::begin_phase() {
  ranks_.progress().enter("begin", state_.step);
  batches_.reset();
  scorer_.reset();
  data_.reset();
  data_ = std::make_unique<PhaseData>(config_, panel_,
                                      ranges_of(state_.phase, config_, split_, panel_.num_bins),
                                      anchor_, ranks_.device());
  steps_per_epoch_ = data_->sampler().steps_per_epoch();
  total_steps_ = steps_of_phase(steps_per_epoch_);
  evaluate_every_ = steps_in("train.evaluate_every", config_.train.evaluate_every);
  learner_ =
      std::make_unique<Learner>(config_, data_->context(), steps_per_epoch_, total_steps_, ranks_);
  if (state_.phase == Phase::kFit)
    scorer_ =
        std::make_unique<ValidationScorer>(config_, data_->series(), data_->ranges().score, ranks_);
  auto options = batches_of(config_, ranks_);
  options.prefetch = config_.data.prefetch;
  options.threads = config_.data.loader_threads;
  batches_ = std::make_unique<data::BatchPrefetcher>(data_->series(), data_->sampler(),
                                                     state_.consumed, options);
  show([&](Observer& o) { o.on_begin(view()); });
}

void Trainer::restore(const std::filesystem::path& checkpoint) {
  TrainState state = TrainState::read(checkpoint / "state.json");
  check_matches(state, checkpoint);
  state.rolled_back = state.rolled_back || state_.rolled_back;
  state.config_hash = state_.config_hash;
  state.panel_hash = state_.panel_hash;
  state_ = state;
  anchor_.reset();
  if (!state_.anchor.is_null()) anchor_ = state_.anchor.get<data::GammaPoissonConstants>();
  early_stop_.load(state_.early_stop);
  begin_phase();
  learner_->load(checkpoint);
  learner_->schedule().load(state_.schedule);
  learner_->load_sums(state_.loss_sums, state_.guard);
  if (early_stop_.has_best()) ranks_.lead([this] { store_.mark_best(early_stop_.best_step()); });
  parallel::check_same_bytes(learner_->tensors_here(), ranks_.dp(),
                             "after " + checkpoint.filename().string() + " was read");
}

void Trainer::check_matches(const TrainState& state,
                            const std::filesystem::path& checkpoint) const {
  const auto expect = [&](const char* what, const std::string& mine, const std::string& found) {
    if (mine == found) return;
    PRECINCT_CHECK(options_.allow_mismatch, ConfigError,
                   "{}: expected a checkpoint of this {} (sha256 {:.12}...), found one of another "
                   "({:.12}...); choose another --run-dir, start anew with --resume never, or pass "
                   "--allow-mismatch",
                   checkpoint.string(), what, mine, found);
    spdlog::warn("{} is of another {}; going on as asked", checkpoint.string(), what);
  };
  expect("configuration", state_.config_hash, state.config_hash);
  expect("panel", state_.panel_hash, state.panel_hash);
}

void Trainer::next_phase() {
  finished_ = state_.phase == Phase::kRefit || config_.train.refit == "none";
  if (finished_) return;
  state_.fit_epochs = early_stop_.best_epoch();
  state_.best_score = early_stop_.best();
  state_.phase = Phase::kRefit;
  state_.phase_step = state_.consumed = 0;
  state_.loss_sums = {};
  begin_phase();
  spdlog::log(ranks_.leads() ? spdlog::level::info : spdlog::level::debug,
              "refit on bins {}..{} for {} steps (best epoch {:.2f}, {} {:.5f})",
              data_->ranges().fit.begin, data_->ranges().fit.end, total_steps_, state_.fit_epochs,
              config_.train.early_stop.metric, state_.best_score);
  finished_ = total_steps_ == 0;
}

void Trainer::leave_if_asked() {
  if (finished_ || agreed_ != Wish::kLeave) return;
  save();
  ranks_.lead([this] { store_.mark_stopped(state_.step); });
  agreement_.finish();
  const int signal = StopSignal::received();
  throw StopRequested(
      fmt::format("{}: saved step {}; run the same command again to go on",
                  signal == 0 ? "another rank was asked to stop" : fmt::format("signal {}", signal),
                  state_.step));
}

bool Trainer::went_back() {
  const bool read = state_.step % log_every() == 0 || evaluation_due() || checkpoint_due();
  const auto report = read ? learner_->guard().read() : StepGuard::Report{};
  if (!report.exhausted()) return false;
  const auto checkpoint = state_.rolled_back ? std::nullopt : newest_good();
  if (!checkpoint) explain_non_finite(report.last_bad_step);
  spdlog::warn(
      "phase {}, step {}: loss or gradients were not finite {} times in a row; back to {} once",
      to_string(state_.phase), report.last_bad_step, report.longest_run,
      checkpoint->filename().string());
  state_.rolled_back = true;
  restore(*checkpoint);
  if (phase_done()) next_phase();
  return true;
}

/// The leader looks; all read the same.
std::optional<std::filesystem::path> Trainer::newest_good() {
  std::optional<std::filesystem::path> mine;
  ranks_.lead([&] { mine = store_.newest_good(); });
  const std::string name = ranks_.of_leader(mine ? mine->filename().string() : "");
  if (ranks_.leads() || name.empty()) return mine;
  return store_.good(name);
}

/// Name of the first non-finite tensor that this rank sees, empty when it sees none.
std::string Trainer::non_finite_here(std::int64_t cursor) {
  auto options = batches_of(config_, ranks_);
  options.prefetch = 0;
  const auto batches =
      data::BatchPrefetcher(data_->series(), data_->sampler(), cursor, options).next();
  for (const auto& batch : batches.micro_batches)
    if (!torch::isfinite(batch.counts).all().item<bool>()) return "input counts";
  learner_->backward_here(batches);
  const auto bad = non_finite_tensors(learner_->optimizer().parameters());
  return bad.empty() ? "" : bad.front();
}

void Trainer::explain_non_finite(std::int64_t phase_step) {
  const std::int64_t cursor = data_->cursor_of(phase_step);
  const auto found = ranks_.gather(non_finite_here(cursor));
  const auto first = std::find_if(found.begin(), found.end(), [](auto& t) { return !t.empty(); });
  const std::string tensor = first == found.end() ? "loss" : *first;
  const std::int64_t rank = first == found.end() ? 0 : first - found.begin();
  const auto space = tensor.rfind(' '), dot = tensor.rfind('.');
  const std::string module =
      dot == std::string::npos ? config_.model.name : tensor.substr(space + 1, dot - space - 1);
  std::vector<std::string> windows;
  for (const auto& window : data_->sampler().global_batch(cursor))
    windows.push_back(format_date(panel_.axis.start_of(window.origin).day));
  throw NumericError(
      fmt::format("phase {}, step {}, rank {}: {} (module {}): expected finite values, found "
                  "others {} steps in a row, also after "
                  "a return to the last checkpoint; windows that start {}; lower "
                  "train.optimizer.lr or look at these bins",
                  to_string(state_.phase), phase_step, rank, tensor, module, StepGuard::kLimit,
                  fmt::join(windows, " ")));
}

std::int64_t Trainer::steps_of_phase(std::int64_t steps_per_epoch) const {
  if (state_.phase == Phase::kFit)
    return config_.train.steps > 0 ? config_.train.steps : config_.train.epochs * steps_per_epoch;
  const std::string& epochs = config_.train.refit_epochs;
  if (epochs == "from_validation") return std::llround(state_.fit_epochs) * steps_per_epoch;
  return std::llround(config::Duration::parse(epochs + (epochs.ends_with("ep") ? "" : "ep")).value *
                      static_cast<double>(steps_per_epoch));
}

std::int64_t Trainer::steps_in(const std::string& key, const std::string& text) const {
  const auto duration = config::Duration::parse(text);
  PRECINCT_CHECK(
      duration.unit != config::Duration::Unit::kSeconds, ConfigError,
      "{}: expected epochs or steps (3ep, 100st), found '{}'; a time would make runs differ", key,
      text);
  const double steps = duration.unit == config::Duration::Unit::kSteps
                           ? duration.value
                           : duration.value * static_cast<double>(steps_per_epoch_);
  return std::max<std::int64_t>(1, std::llround(steps));
}

RunView Trainer::view() const {
  return {state_, total_steps_, steps_per_epoch_, data_->sampler().num_windows()};
}

models::Artifact Trainer::artifact_with(const data::FeatureSpec& spec,
                                        std::map<std::string, torch::Tensor> weights) const {
  models::Artifact artifact = models::describe_panel(config_, panel_, state_.panel_hash);
  artifact.features = spec;
  artifact.anchor = anchor_;
  artifact.weights = std::move(weights);
  return artifact;
}

TrainingResult Trainer::result() {
  show([&](Observer& o) { o.on_end(view()); });
  agreement_.finish();
  batches_.reset();
  TrainingResult result;
  result.best_epoch = early_stop_.best_epoch();
  result.best_score = early_stop_.best();
  if (state_.phase == Phase::kRefit)
    result.artifact = artifact_with(data_->spec(), learner_->forecast_weights());
  if (config_.train.refit == "before_test") result.evaluated = result.artifact;
  ranks_.lead([&] {  // the others need not see what the leader has just written
    fail_if_held();
    if (config_.train.refit == "before_test") return;
    const auto fit_range = ranges_of(Phase::kFit, config_, split_, panel_.num_bins).fit;
    result.evaluated = artifact_with(
        data::FeatureSpec::fit(panel_, config_.input, config_.data, fit_range),
        Learner::forecast_weights(store_.good(CheckpointStore::name_of(early_stop_.best_step()))));
    if (state_.phase == Phase::kFit) result.artifact = result.evaluated;
  });
  return result;
}

}  // namespace precinct::train
