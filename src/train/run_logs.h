// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "base/progress.h"
#include "config/train_config.h"
#include "train/events_writer.h"
#include "train/observer.h"
#include "train/run_folder.h"

namespace precinct::train {

/// metrics.jsonl: one line per log.every steps and per evaluation, only what the step determines,
/// so that a run that was killed and resumed has the same file as an undisturbed one. Cut back on
/// resume.
class MetricsLog final : public Observer {
 public:
  explicit MetricsLog(std::filesystem::path path);
  ~MetricsLog() override;
  void on_begin(const RunView& view) override;
  void on_losses(const RunView& view, const Figures& figures) override { write(view, figures); }
  void on_evaluation(const RunView& view, const Figures& figures) override { write(view, figures); }
  void before_checkpoint(TrainState& state) override;

 private:
  void write(const RunView& view, const Figures& figures);
  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t bytes_ = 0;
};

/// timing.jsonl: seconds since the start, time/step, time/data, throughput/windows_per_sec; differs
/// between runs.
class TimingLog final : public Observer {
 public:
  explicit TimingLog(std::filesystem::path path);
  void on_begin(const RunView&) override;
  void on_step(const RunView&, std::int64_t num_windows, double data_seconds) override;
  void on_losses(const RunView& view, const Figures&) override;

 private:
  using Clock = std::chrono::steady_clock;
  std::ofstream file_;
  Clock::time_point start_, last_;
  std::int64_t steps_ = 0, windows_ = 0;
  double data_seconds_ = 0;
};

/// events.out.tfevents.*: the same figures for TensorBoard; a new file per start.
class EventsLog final : public Observer {
 public:
  explicit EventsLog(const std::filesystem::path& folder) : writer_(folder) {}
  void on_losses(const RunView& view, const Figures& figures) override { write(view, figures); }
  void on_evaluation(const RunView& view, const Figures& figures) override { write(view, figures); }
  void before_checkpoint(TrainState&) override { writer_.flush(); }
  void on_end(const RunView&) override { writer_.flush(); }

 private:
  void write(const RunView& view, const Figures& figures);
  EventsWriter writer_;
};

/// Bar on stderr: windows, windows/s, time left, last loss and score.
class ProgressBar final : public Observer {
 public:
  void on_begin(const RunView& view) override;
  void on_step(const RunView& view, std::int64_t num_windows, double data_seconds) override;
  void on_losses(const RunView& view, const Figures& figures) override;
  void on_evaluation(const RunView& view, const Figures& figures) override;
  void on_end(const RunView& view) override;

 private:
  std::unique_ptr<Progress> progress_;
  std::uint64_t begin_ = 0;
  std::string loss_, score_;
};

/// The configured logs of a run folder, and the bar.
std::vector<std::unique_ptr<Observer>> make_logs(const config::LogConfig& log,
                                                 const RunFolder& run);

}  // namespace precinct::train
