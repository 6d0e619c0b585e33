// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "data/loader/batch_prefetcher.h"
#include "data/panel.h"
#include "models/artifact.h"
#include "train/checkpoint_store.h"
#include "train/early_stop.h"
#include "train/learner.h"
#include "train/observer.h"
#include "train/phase_data.h"
#include "train/ranks.h"
#include "train/run_folder.h"
#include "train/step_agreement.h"
#include "train/train_state.h"
#include "train/validation_scorer.h"

namespace precinct::train {

/// What a run has learnt. Ranks that do not lead have no artifacts.
struct TrainingResult {
  models::Artifact artifact;   // what forecasts are made with
  models::Artifact evaluated;  // what may be scored on the test range: the same, but refit: all
  double best_epoch = 0;
  double best_score = 0;  // val/<early_stop.metric> of the best epoch
};

/// Trains one network in a run folder: phase fit, then refit when it is configured; checkpoints as
/// it goes, and goes on from the newest good one. A run that was killed at any moment and resumed
/// ends with the same bits.
///
/// On several ranks each of them runs this over its part of every global batch; they come to the
/// same decisions, and rank 0 alone writes.
class Trainer {
 public:
  struct Options {
    bool require_checkpoint = false;  // --resume require
    bool allow_mismatch = false;      // resume with another configuration or panel
  };
  /// Keeps references to panel, run folder and ranks. Throws ConfigError for settings that are not
  /// built.
  Trainer(const config::ExperimentConfig& config, const data::Panel& panel,
          const std::string& panel_hash, const data::Split& split, const RunFolder& run,
          Ranks& ranks, Options options);
  ~Trainer();
  void add_observer(std::unique_ptr<Observer> observer) {
    observers_.push_back(std::move(observer));
  }

  /// Throws StopRequested after SIGTERM or SIGUSR1, once it has saved; NumericError after three
  /// non-finite steps in a row that a way back to the last checkpoint did not cure; CheckpointError
  /// when none is good.
  TrainingResult run();

 private:
  // run() reads as these
  void resume();
  void step();
  void observe();
  void agree();
  bool went_back();
  void evaluate();
  void save(bool is_best = false);
  void next_phase();
  void leave_if_asked();
  bool phase_done() const;
  bool evaluation_due() const;
  bool checkpoint_due() const;

  /// Shows the observers something. An error of the leader's, whose logs alone can fail, is held
  /// until the ranks agree on what to do next or save: all then end with it.
  void show(const std::function<void(Observer&)>& what);
  void fail_if_held() const;
  void start();
  void begin_phase();
  void restore(const std::filesystem::path& checkpoint);
  void check_matches(const TrainState& state, const std::filesystem::path& checkpoint) const;
  std::optional<std::filesystem::path> newest_good();
  bool wants_save_by_time() const;
  [[noreturn]] void explain_non_finite(std::int64_t phase_step);
  std::string non_finite_here(std::int64_t cursor);
  std::int64_t steps_of_phase(std::int64_t steps_per_epoch) const;
  std::int64_t steps_in(const std::string& key, const std::string& duration) const;
  std::int64_t log_every() const { return std::max<std::int64_t>(1, config_.log.every); }
  RunView view() const;
  models::Artifact artifact_with(const data::FeatureSpec& spec,
                                 std::map<std::string, torch::Tensor> weights) const;
  TrainingResult result();

  config::ExperimentConfig config_;
  const data::Panel& panel_;
  data::Split split_;
  Options options_;
  Ranks& ranks_;
  CheckpointStore store_;
  TrainState state_;
  std::optional<data::GammaPoissonConstants> anchor_;
  EarlyStop early_stop_;
  StepAgreement agreement_;
  Wish agreed_ = Wish::kNone;
  std::vector<std::unique_ptr<Observer>> observers_;
  std::exception_ptr held_failure_;
  // of the phase
  std::unique_ptr<PhaseData> data_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<ValidationScorer> scorer_;
  std::unique_ptr<data::BatchPrefetcher> batches_;
  std::int64_t total_steps_ = 0, steps_per_epoch_ = 1, evaluate_every_ = 1;
  bool finished_ = false;
  std::int64_t last_windows_ = 0;
  double last_data_seconds_ = 0;
  std::chrono::steady_clock::time_point last_save_;
};

}  // namespace precinct::train
