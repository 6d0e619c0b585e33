// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "base/error.h"
#include "base/made_folders.h"
#include "launch/job_attempt.h"
#include "parallel/host_address.h"

namespace precinct::launch {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestPause = std::chrono::seconds(30);
constexpr int kStopped = static_cast<int>(ExitCode::kStoppedOnRequest);

/// Children of this process, from /proc; the kernel gives it those that lost their parent.
std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    const auto after_name = text.rfind(") ");  // "pid (name) state parent ..."
    if (after_name == std::string::npos) continue;
    if (std::atoi(text.c_str() + after_name + 4) == ::getpid()) found.push_back(std::stoi(name));
  }
  return found;
}

/// Processes that left their rank's group (daemons) and came to this one when their parent ended.
void kill_strays(std::vector<pid_t> left_alone) {
  for (;;) {
    auto strays = children();
    std::erase_if(strays, [&](pid_t pid) { return std::ranges::count(left_alone, pid) > 0; });
    if (strays.empty()) return;
    for (const pid_t stray : strays) {
      if (::kill(stray, SIGKILL) == 0) {
        ::waitpid(stray, nullptr, 0);
      } else {
        left_alone.push_back(stray);  // another user's
      }
    }
  }
}

std::string bytes_text(std::int64_t bytes) {
  return bytes >= (1 << 30) ? fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30))
                            : fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

JobFacts facts_of(const JobAttempt& attempt, const SupervisorOptions& options) {
  JobFacts facts;
  facts.host = parallel::host_name();
  facts.passed_on = attempt.passed_on();
  facts.logs = options.log_dir.string();
  facts.without_logs = options.without_log_dir;
  if (const auto limit = MemoryKills().limit_bytes()) facts.memory_limit = bytes_text(*limit);
  return facts;
}

/// Waits; the signal that cut it short, 0 for none. Ctrl-Z does not.
int pause(SignalFile& signals, milliseconds time) {
  const auto end = Clock::now() + time;
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    pollfd file{signals.number(), POLLIN, 0};
    ::poll(&file, 1, static_cast<int>(std::chrono::ceil<milliseconds>(end - now).count()));
    for (const int signal : signals.take())
      if (signal != SIGCHLD && signal != SIGTSTP) return signal;
  }
  return 0;
}

class Supervisor {
 public:
  Supervisor(const LaunchOptions& launch, const SupervisorOptions& options)
      : options_(options), launcher_(launch) {
    not_of_the_job_.push_back(guard_.pid());
  }

  int run() {
    milliseconds next_pause = options_.pause;
    for (std::int64_t restarts = 0;; ++restarts) {
      const JobEnd end = attempt(restarts);
      if (end.exit_code == 0 || !end.may_restart || restarts == options_.max_restarts)
        return finish(end, restarts);
      say(fmt::format("{}; restart {} of {} in {:.1f} s", end.sentence, restarts + 1,
                      options_.max_restarts, std::chrono::duration<double>(next_pause).count()));
      if (const int signal = pause(signals_, next_pause); signal != 0) {
        say(fmt::format("{} came before the restart; run the same command again to go on",
                        signal_name(signal)));
        return kStopped;
      }
      next_pause = std::min(2 * next_pause, kLongestPause);
    }
  }

 private:
  JobEnd attempt(std::int64_t restarts) {
    JobWatch watch = launcher_.watch(restarts);
    JobAttempt attempt(
        {signals_, guard_, output_, watch, options_.log_dir, options_.grace, options_.patience},
        launcher_.start(restarts), launcher_.first_rank(), restarts);
    attempt.run();
    kill_strays(not_of_the_job_);
    auto ends = attempt.ends();
    JobFacts facts = facts_of(attempt, options_);
    const bool is_well = std::none_of(ends.begin(), ends.end(), has_failed);
    if (!is_well && (!launcher_.options().is_agent || launcher_.runs_precinct())) {
      watch.renew();
      // of many agents one says it; the ranks have said it too
      if (!launcher_.options().is_agent || launcher_.is_holding_agent())
        facts.verdict = watch.verdict();
      for (RankEnd& one : ends) one.step = watch.last_step(one.rank);
    }
    JobEnd end = judge(ends, facts);
    if (end.shows_table) output_.push(STDERR_FILENO, rank_table(ends, facts.host));
    output_.write_some();
    return end;
  }

  int finish(const JobEnd& end, std::int64_t restarts) {
    if (!end.sentence.empty()) {
      const bool gave_up = end.may_restart && options_.max_restarts > 0;
      say(end.sentence + (gave_up ? fmt::format("; no restart is left of {}", restarts) : ""));
    }
    output_.write_all();
    if (launcher_.is_holding_agent())
      launcher_.watch(restarts).leave_last(launcher_.first_rank(), launcher_.world_size(),
                                           !end.shows_table);
    return end.exit_code;
  }

  void say(const std::string& text) {
    output_.push(STDERR_FILENO, fmt::format("precinct launch: {}\n", text));
    output_.write_some();
  }

  const SupervisorOptions options_;
  /// What this process had before: a shell that ends with `exec` leaves it what it has started.
  std::vector<pid_t> not_of_the_job_ = children();
  // the first two before the launcher's store has threads
  SignalFile signals_;
  ProcessGuard guard_;
  OutputQueue output_;
  LocalLauncher launcher_;
};

}  // namespace

int supervise(const LaunchOptions& launch, const SupervisorOptions& options) {
  if (!options.log_dir.empty()) MadeFolders folders(options.log_dir);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // what loses its parent comes to this process
  return Supervisor(launch, options).run();
}

}  // namespace precinct::launch
