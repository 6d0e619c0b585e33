// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/folder_watch.h"
#include "tests/support/small_project.h"

namespace precinct::test {

/// The project whose networks are trained by launched ranks; one for the program.
inline const SmallProject& launched_project() {
  static const SmallProject project;
  return project;
}

/// A run of `precinct launch ... -- precinct train` in the folder `name` of launched_project().
struct LaunchedRun {
  std::string name;
  int num_ranks = 2;
  std::string model = "dnn";
  std::string axis = "dp";  ///< along which the ranks share the work: dp, tp, pp
  int max_restarts = 0;
  Words more{};  ///< further words of `train`
  /// What tests/support/rank_fault.cpp does in the rank `fault_rank` (-1: in all) of the first
  /// start; needs the library's path.
  std::string fault{}, fault_library{};
  int fault_rank = 0;
  std::string before{};  ///< words of the shell, before the rank's program begins

  std::filesystem::path folder() const { return launched_project() / name; }
  /// <rank>: its process number, `port`: where the ranks meet; `struck`: when the fault came.
  std::filesystem::path notes() const { return launched_project() / (name + ".notes"); }
  std::filesystem::path metrics() const { return folder() / "metrics.jsonl"; }
  /// The process of a rank, 0 before it has started.
  pid_t pid(int rank) const {
    pid_t pid = 0;
    std::ifstream(notes() / std::to_string(rank)) >> pid;
    return pid;
  }
  /// The last step that was logged.
  std::int64_t step() const { return last_step(metrics()).step; }
  /// The newest checkpoint's step; -1 when there is none.
  std::int64_t saved_step() const {
    const auto file = folder() / "checkpoints" / "LATEST";
    return std::filesystem::exists(file) ? std::stoll(read_file(file).substr(5)) : -1;
  }

  /// The whole command; each rank first notes its process number.
  Words words() const {
    std::filesystem::create_directories(notes());
    std::filesystem::create_directories(folder() / "checkpoints");
    std::string script =
        fmt::format("echo $MASTER_PORT > {0}/port; echo $$ > {0}/$RANK; ", notes().string());
    if (!fault.empty()) {
      script += "if [ $TORCHELASTIC_RESTART_COUNT = 0 ]";
      if (fault_rank >= 0) script += fmt::format(" && [ $RANK = {} ]", fault_rank);
      script += fmt::format(
          "; then export LD_PRELOAD={} PRECINCT_RANK_FAULT='{}' PRECINCT_RANK_FAULT_NOTE={}; fi; ",
          fault_library, fault, (notes() / "struck").string());
    }
    script += before;
    Words words = {precinct_program(),
                   "launch",
                   "--nproc",
                   std::to_string(num_ranks),
                   "--max-restarts",
                   std::to_string(max_restarts),
                   "--",
                   "/bin/sh",
                   "-c",
                   script + "exec \"$@\"",
                   "sh"};
    // several buckets a step, as a large network has: their order is a matter of a few parameters
    Words with = {"--set", "parallel.heartbeat_seconds=1", "--set", "parallel.bucket_mb=0.001"};
    if (axis != "dp")
      with.insert(with.end(), {"--set", fmt::format("parallel.{}={}", axis, num_ranks)});
    with.insert(with.end(), more.begin(), more.end());
    const Words train = launched_project().train_words(model, name, with);
    words.insert(words.end(), train.begin(), train.end());
    return words;
  }
};

/// Runs it to its end, at most two minutes.
inline ProgramResult run_launched(const LaunchedRun& run, Watch watch = {},
                                  const std::function<void()>& before_exec = {}) {
  return run_program(
      run.words(), 120'000,
      [&] {
        use_one_thread();
        if (before_exec) before_exec();
      },
      std::move(watch));
}

/// The run of so many ranks that nobody disturbs, made once.
inline std::filesystem::path undisturbed(int num_ranks, const std::string& model = "dnn",
                                         const std::string& axis = "dp") {
  static std::set<std::string> made;
  LaunchedRun run{.name = fmt::format("undisturbed-{}-{}{}", model, axis, num_ranks),
                  .num_ranks = num_ranks,
                  .model = model,
                  .axis = axis};
  if (!made.contains(run.name)) {
    const auto result = run_launched(run);
    if (result.exit_code != 0) throw std::runtime_error(result.err);
    made.insert(run.name);
  }
  return run.folder();
}

/// Weights, optimiser, metrics and evaluation are those of the undisturbed run, bit by bit.
inline void expect_same_as_undisturbed(const LaunchedRun& run) {
  const auto found = run.folder(), expected = undisturbed(run.num_ranks, run.model, run.axis);
  for (const char* file : {"artifact/model.safetensors", "artifact/MANIFEST.json", "metrics.jsonl",
                           "evaluation.json", "checkpoints/LATEST", "checkpoints/BEST"})
    EXPECT_TRUE(read_file(found / file) == read_file(expected / file)) << run.name << "/" << file;
  const std::string text = read_file(expected / "checkpoints/LATEST");
  const std::string latest = text.substr(0, text.find('\n'));  // weights, optimiser, state
  EXPECT_THAT(listing(expected / "checkpoints" / latest), testing::SizeIs(testing::Ge(4U)));
  EXPECT_EQ(listing(found / "checkpoints" / latest), listing(expected / "checkpoints" / latest));
}

/// When something is done to ranks: when their run gets to a step, or at the first save from there
/// on.
struct Moment {
  std::int64_t step = 0;
  bool during_save = false;
};

/// Sends a signal to some ranks at a moment, and another one to the first of them while the job is
/// resuming, when that was asked for.
class Blow {
 public:
  using Clock = std::chrono::steady_clock;
  Blow(const LaunchedRun& run, std::vector<int> ranks, int signal, Moment moment)
      : run_(run), ranks_(std::move(ranks)), signal_(signal), moment_(moment), watch_(folders()) {}
  /// Once more, at the first sign of this file from the next start on: "<rank>" (it has begun),
  /// ".lock", "BEST" (the checkpoint was read), "metrics.jsonl" (cut to the checkpoint's steps).
  void again_while_resuming(std::string sign) { sign_ = std::move(sign); }

  /// For run_launched().
  Watch watch() {
    return {watch_.file(), [this] {
              for (const auto& name : watch_.names()) {
                if (!was_struck())
                  strike_when_due(name);
                else if (!sign_.empty() && !was_struck_again())
                  strike_again_when_due(name);
              }
              return 0;
            }};
  }
  bool was_struck() const { return pid_ != 0; }
  bool was_struck_again() const { return pid_again_ != 0; }
  /// Whether the second blow came before a step was made after the restart.
  bool was_before_a_new_step() const { return was_before_; }
  Clock::time_point struck_at() const { return at_; }
  pid_t pid() const { return pid_; }

 private:
  std::vector<std::filesystem::path> folders() const {
    static_cast<void>(run_.words());  // makes them
    return {run_.folder(), run_.folder() / "checkpoints", run_.notes()};
  }
  void strike_when_due(const std::string& name) {
    const bool is_due =
        moment_.during_save
            ? name.starts_with(".step-") && std::stoll(name.substr(6)) >= moment_.step
            : name == "metrics.jsonl" && run_.step() >= moment_.step;
    if (!is_due) return;
    at_ = Clock::now();
    for (const int rank : ranks_) {
      const pid_t pid = run_.pid(rank);
      if (pid <= 0 || ::kill(pid, signal_) != 0) return;
      if (rank == ranks_.front()) pid_ = pid;
    }
  }
  void strike_again_when_due(const std::string& name) {
    const pid_t pid = run_.pid(ranks_.front());
    has_begun_ = has_begun_ || (pid > 0 && pid != pid_);
    if (!has_begun_) return;
    was_cut_ = was_cut_ || name == "metrics.jsonl";
    if (name != sign_ || pid <= 0) return;
    was_before_ = !was_cut_ || run_.step() <= run_.saved_step();
    if (::kill(pid, signal_) == 0) pid_again_ = pid;
  }

  const LaunchedRun run_;
  const std::vector<int> ranks_;
  const int signal_;
  const Moment moment_;
  std::string sign_;
  pid_t pid_ = 0, pid_again_ = 0;
  bool has_begun_ = false, was_cut_ = false, was_before_ = false;
  Clock::time_point at_;
  FolderWatch watch_;
};

/// Draws for a test; its seed is to be printed.
struct Draw {
  unsigned seed = std::random_device{}();
  std::mt19937 engine{seed};
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(engine() % static_cast<std::uint64_t>(limit));
  }
};

}  // namespace precinct::test
