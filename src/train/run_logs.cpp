// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/run_logs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace precinct::train {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, std::size_t bytes) {
  const int error_number = errno;
  std::error_code ignored;
  const auto space = std::filesystem::space(path.parent_path(), ignored);
  throw IoError(fmt::format("{}; expected to write {} bytes, found {} free; make room and resume",
                            errno_text(path.string(), error_number), bytes, space.available));
}

nlohmann::json line_of(const RunView& view, const Figures& figures) {
  nlohmann::json line = {
      {"step", view.state.step}, {"phase", to_string(view.state.phase)}, {"epoch", view.epoch()}};
  for (const auto& [name, value] : figures) line[name] = value;
  return line;
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

MetricsLog::MetricsLog(std::filesystem::path path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) fail(path_, 0);
}

MetricsLog::~MetricsLog() { ::close(file_); }

void MetricsLog::on_begin(const RunView& view) {
  bytes_ = view.state.metrics_bytes;
  if (::ftruncate(file_, static_cast<off_t>(bytes_)) != 0) fail(path_, 0);
}

void MetricsLog::write(const RunView& view, const Figures& figures) {
  const std::string line = line_of(view, figures).dump() + "\n";
  const auto written = ::pwrite(file_, line.data(), line.size(), static_cast<off_t>(bytes_));
  if (written != static_cast<ssize_t>(line.size())) fail(path_, line.size());
  bytes_ += line.size();
}

void MetricsLog::before_checkpoint(TrainState& state) {
  if (::fsync(file_) != 0) fail(path_, 0);
  state.metrics_bytes = bytes_;
}

TimingLog::TimingLog(std::filesystem::path path)
    : file_(path, std::ios::app), start_(Clock::now()), last_(start_) {
  PRECINCT_CHECK(file_, IoError,
                 "{}: expected a file that can be written, found none; check the folder",
                 path.string());
}

void TimingLog::on_begin(const RunView&) {
  last_ = Clock::now();
  steps_ = windows_ = 0;
  data_seconds_ = 0;
}

void TimingLog::on_step(const RunView&, std::int64_t num_windows, double data_seconds) {
  ++steps_;
  windows_ += num_windows;
  data_seconds_ += data_seconds;
}

void TimingLog::on_losses(const RunView& view, const Figures&) {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const auto steps = static_cast<double>(std::max<std::int64_t>(1, steps_));
  const Figures figures = {
      {"seconds", std::chrono::duration<double>(now - start_).count()},
      {"time/step", seconds / steps},
      {"time/data", data_seconds_ / steps},
      {"throughput/windows_per_sec", seconds > 0 ? static_cast<double>(windows_) / seconds : 0}};
  file_ << line_of(view, figures).dump() << std::endl;
  on_begin(view);
}

void EventsLog::write(const RunView& view, const Figures& figures) {
  for (const auto& [name, value] : figures)
    writer_.add(name, view.state.step, value, unix_seconds());
}

void ProgressBar::on_begin(const RunView& view) {
  on_end(view);
  const auto epochs =
      static_cast<double>(view.total_steps) / static_cast<double>(view.steps_per_epoch);
  begin_ = static_cast<std::uint64_t>(view.state.consumed);
  progress_ = std::make_unique<Progress>(
      to_string(view.state.phase),
      static_cast<std::uint64_t>(epochs * static_cast<double>(view.num_windows)) -
          std::min<std::uint64_t>(
              begin_, static_cast<std::uint64_t>(epochs * static_cast<double>(view.num_windows))),
      "windows");
}

void ProgressBar::on_step(const RunView& view, std::int64_t, double) {
  if (progress_)
    progress_->update(static_cast<std::uint64_t>(view.state.consumed) - begin_,
                      fmt::format("epoch {:.1f} {}{}", view.epoch(), loss_, score_));
}

void ProgressBar::on_losses(const RunView&, const Figures& figures) {
  loss_ = fmt::format("loss {:.4f} ", figures.at("train/loss"));
}

void ProgressBar::on_evaluation(const RunView&, const Figures& figures) {
  score_ = fmt::format("val {:.4f}", figures.at("val/NLL"));
}

void ProgressBar::on_end(const RunView&) {
  if (progress_) progress_->finish();
  progress_.reset();
  loss_ = score_ = "";
}

std::vector<std::unique_ptr<Observer>> make_logs(const config::LogConfig& log,
                                                 const RunFolder& run) {
  std::vector<std::unique_ptr<Observer>> logs;
  if (log.jsonl) {
    logs.push_back(std::make_unique<MetricsLog>(run.metrics()));
    logs.push_back(std::make_unique<TimingLog>(run.timing()));
  }
  if (log.tensorboard) logs.push_back(std::make_unique<EventsLog>(run.path()));
  logs.push_back(std::make_unique<ProgressBar>());
  return logs;
}

}  // namespace precinct::train
